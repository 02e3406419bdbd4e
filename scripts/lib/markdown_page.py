"""Pages of docs/ with measured parts, which scripts replace."""

import re
import textwrap


def replace_block(text, name, lines):
    """The page with what stands between the markers of `name` replaced."""
    pattern = re.compile(rf"(<!-- measured: {name} -->\n).*?(<!-- /measured -->)", re.DOTALL)
    new, count = pattern.subn(lambda m: m.group(1) + "\n".join(lines) + "\n" + m.group(2), text)
    if count != 1:
        raise ValueError(f"the page has {count} blocks \"measured: {name}\", expected 1")
    return new


def wrapped(paragraphs):
    """Lines of the page's width; a paragraph that begins with "* " is an item of a list."""
    return [line for text in paragraphs
            for line in textwrap.wrap(text, 120, subsequent_indent="  " if text.startswith("* ") else "",
                                      break_long_words=False, break_on_hyphens=False)]


def table(heading, rows):
    """Lines of a table of strings."""
    return ["| " + " | ".join(heading) + " |", "|" + "---|" * len(heading),
            *("| " + " | ".join(row) + " |" for row in rows)]
