"""Enough of C++'s lexical and brace structure for checks that count and grep.

It knows comments, literals, preprocessor lines, and which braces are those of
namespaces, classes and functions. It does not expand macros or parse types.
"""

import dataclasses
import re

_LITERAL = re.compile(
    r'//(?:[^\n\\]|\\.|\\\n)*'
    r'|/\*.*?\*/'
    r'|(?:u8|u|U|L)?R"(?P<delimiter>[^\s()\\]{0,16})\(.*?\)(?P=delimiter)"'
    r'|(?:u8|u|U|L)?"(?:[^"\\\n]|\\.)*"'
    # A quote inside a number (1'000) separates digits.
    r"|(?<![0-9a-fA-F])(?:u8|u|U|L)?'(?:[^'\\\n]|\\.)+'",
    re.DOTALL)
_DIRECTIVE = re.compile(r'^[ \t]*#(?:[^\n\\]|\\.|\\\n)*', re.MULTILINE | re.DOTALL)
_TOKEN = re.compile(r'[A-Za-z_]\w*|::|->|\n|[^\s\w]|\d[\w.]*')


def _newlines_only(text):
    return "\n" * text.count("\n")


def without_comments(text):
    """The text with comments blank; literals stay; lines keep their numbers."""

    def blank(match):
        found = match.group(0)
        return _newlines_only(found) or " " if found.startswith("/") else found

    return _LITERAL.sub(blank, text)


def without_comments_and_literals(text):
    """The same with string and character literals emptied as well."""

    def blank(match):
        found = match.group(0)
        if found.startswith("/"):
            return _newlines_only(found) or " "
        return '""' + _newlines_only(found)

    return _LITERAL.sub(blank, text)


@dataclasses.dataclass
class Function:
    name: str
    first_line: int
    last_line: int

    @property
    def lines(self):
        return self.last_line - self.first_line + 1


@dataclasses.dataclass
class Class:
    name: str
    first_line: int
    public_methods: list


@dataclasses.dataclass
class _Scope:
    class_: Class = None  # None for a namespace
    public: bool = True


class _Scanner:
    """Walks the tokens once; `statement` is what stands before a ; or brace."""

    def __init__(self, text):
        self.functions = []
        self.classes = []
        text = _DIRECTIVE.sub(lambda m: _newlines_only(m.group(0)),
                              without_comments_and_literals(text))
        self._tokens = []  # (token, line)
        line = 1
        for match in _TOKEN.finditer(text):
            if match.group(0) == "\n":
                line += 1
            else:
                self._tokens.append((match.group(0), line))
        self._scopes = [_Scope()]
        self._statement = []

    def scan(self):
        position = 0
        while position < len(self._tokens):
            token, _ = self._tokens[position]
            if token == "{":
                position = self._open(position)
                continue
            if token in "([":
                end = self._after_balanced(position)
                self._statement += self._tokens[position:end]
                position = end
                continue
            if token == "}":
                self._close()
            elif token == ";":
                self._count_method()
                self._statement = []
            elif token == ":" and self._is_access_label():
                self._scopes[-1].public = self._statement[-1][0] == "public"
                self._statement = []
            else:
                self._statement.append(self._tokens[position])
            position += 1

    def _after_balanced(self, position):
        """The position after the bracket that closes the one at `position`."""
        depth = 0
        while position < len(self._tokens):
            token = self._tokens[position][0]
            depth += token in "({["
            depth -= token in ")}]"
            position += 1
            if depth == 0:
                break
        return position

    def _is_access_label(self):
        return (self._scopes[-1].class_ is not None and len(self._statement) == 1
                and self._statement[0][0] in ("public", "protected", "private"))

    def _open(self, position):
        words = self._words()
        if words[:1] in (["namespace"], ["extern"]) or words[:2] == ["inline", "namespace"]:
            if "=" not in words and "(" not in words:
                self._scopes.append(_Scope())
                self._statement = []
                return position + 1
        if words[:1] in (["class"], ["struct"], ["union"]):
            self._open_class(words)
            return position + 1
        end = self._after_balanced(position)
        if self._is_function_head(words):
            self._count_method()
            self.functions.append(Function(
                _function_name(words), self._statement[0][1], self._tokens[end - 1][1]))
            self._statement = []
        else:  # enum or initializer
            self._statement += [self._tokens[position], self._tokens[end - 1]]
        return end

    def _open_class(self, words):
        class_ = Class(_class_name(words), self._statement[0][1], [])
        self.classes.append(class_)
        self._scopes.append(_Scope(class_, words[0] != "class"))
        self._statement = []

    def _close(self):
        if len(self._scopes) > 1:
            self._scopes.pop()
        self._statement = []

    def _words(self):
        return _strip_template([token for token, _ in self._statement])

    @staticmethod
    def _is_function_head(words):
        top = _top_level(words)
        if "(" not in top or words[0] in ("enum", "typedef", "using"):
            return False
        if "=" in top and "operator" not in words:
            return False
        # `Foo() : a_{1}, b_(2) {`: a brace straight after a member's name in
        # the initializer list opens its initializer.
        head = top[top.index("("):]
        if ":" in head:
            return words[-1] in (")", "}")
        return True

    def _count_method(self):
        scope = self._scopes[-1]
        if scope.class_ is None or not scope.public or not self._statement:
            return
        words = self._words()
        top = _top_level(_strip_angles(words))
        if "(" not in top or words[0] in ("using", "typedef", "friend", "static_assert"):
            return
        before = top[:top.index("(")]
        if "=" in before or "operator" in words or "~" in before or not before:
            return
        if words[-2:] in (["=", "default"], ["=", "delete"]):
            return
        name = before[-1]
        # A macro: MOCK_METHOD, or ABSL_GUARDED_BY on a data member.
        macro = "_" in name and name.upper() == name
        if name == scope.class_.name or macro or not name[0].isalpha():
            return
        scope.class_.public_methods.append(name)


def _strip_template(words):
    while words[:2] == ["template", "<"]:
        depth = parentheses = 0
        for index, word in enumerate(words):
            parentheses += (word == "(") - (word == ")")
            if parentheses == 0:
                depth += (word == "<") - (word == ">")
                if word == ">" and depth == 0:
                    break
        words = words[index + 1:]
    return words


def _strip_angles(words):
    """Without template arguments, as far as they close."""
    result, open_at = [], []
    for word in words:
        if word == "<" and result and result[-1] != "operator":
            open_at.append(len(result))
        elif word == ">" and open_at:
            del result[open_at.pop():]
            continue
        result.append(word)
    return result


def _top_level(words):
    """Without what is inside of brackets; `[[...]]` vanishes altogether."""
    result, depth = [], 0
    for word in words:
        if word in ")]}":
            depth -= 1
        if depth == 0 and word not in "[]":
            result.append(word)
        if word in "([{":
            depth += 1
    return result


def _class_name(words):
    end = len(words)
    for stop in (":", "final"):
        if stop in words:
            end = min(end, words.index(stop))
    names = [w for w in _top_level(words[1:end]) if w[0].isalpha() or w[0] == "_"]
    return names[-1] if names else "(unnamed)"


def _function_name(words):
    words = _strip_angles(words)
    index = words.index("(")
    start = index - 1
    if "operator" in words[:index]:
        start = words.index("operator")
        if start == index - 1:
            return "operator()"
    elif words[start - 1:start] == ["~"]:
        start -= 1
    while start > 1 and words[start - 1] == "::":
        start -= 2
    name = "".join(words[start:index])
    if words[index - 1] in ("TEST", "TEST_F", "TEST_P", "TYPED_TEST"):
        name += "".join(words[index:words.index(")") + 1]).replace(",", ", ")
    return name


def scan(text):
    """Returns (functions, classes) of a C++ file's text."""
    scanner = _Scanner(text)
    scanner.scan()
    return scanner.functions, scanner.classes
