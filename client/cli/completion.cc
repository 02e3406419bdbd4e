#include "client/cli/completion.h"

#include <iostream>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "client/cli/command.h"

namespace kvplace {
namespace {

struct OptionWords {
  // "--format"
  std::string name;
  std::string description;
  // Empty: anything, files among it.
  std::vector<std::string> choices;
};

// One command, named by the words that lead to it: "kvplacectl trace".
struct CommandWords {
  std::string path;
  std::vector<std::pair<std::string, std::string>> subcommands;
  std::vector<OptionWords> options;
  // Of positional arguments.
  std::vector<std::string> choices;
};

// CLI::IsMember says "{a,b,c}" somewhere in the option's type.
std::vector<std::string> ChoicesOf(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t begin = type.find('{');
  const size_t end = type.find('}', begin == std::string::npos ? 0 : begin);
  if (begin == std::string::npos || end == std::string::npos) return {};
  return absl::StrSplit(type.substr(begin + 1, end - begin - 1), ',');
}

void Collect(const CLI::App& app, const std::string& path,
             std::vector<CommandWords>* commands) {
  CommandWords words;
  words.path = path;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) {
      const std::vector<std::string> choices = ChoicesOf(*option);
      words.choices.insert(words.choices.end(), choices.begin(), choices.end());
    }
    for (const std::string& name : option->get_lnames()) {
      words.options.push_back({absl::StrCat("--", name),
                               option->get_description(), ChoicesOf(*option)});
    }
  }
  const auto all = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* child : all) {
    words.subcommands.emplace_back(child->get_name(), child->get_description());
  }
  commands->push_back(std::move(words));
  for (const CLI::App* child : all) {
    Collect(*child, absl::StrCat(path, " ", child->get_name()), commands);
  }
}

// In single quotes of the shell.
std::string Quote(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

// All that may follow the command's words.
std::vector<std::string> NextWords(const CommandWords& command) {
  std::vector<std::string> words;
  for (const auto& [name, description] : command.subcommands) {
    words.push_back(name);
  }
  words.insert(words.end(), command.choices.begin(), command.choices.end());
  for (const OptionWords& option : command.options) {
    words.push_back(option.name);
  }
  return words;
}

// "case" arms for the shells that have them: how words lead to a command, what
// may follow an option, and what may follow a command.
struct CaseArms {
  std::string descend;
  std::string values;
  std::string words;
};

CaseArms MakeArms(const std::vector<CommandWords>& commands) {
  CaseArms arms;
  for (const CommandWords& command : commands) {
    for (const auto& [name, description] : command.subcommands) {
      const std::string child = absl::StrCat(command.path, " ", name);
      absl::StrAppend(&arms.descend, "      ", Quote(child),
                      ") path=", Quote(child), " ;;\n");
    }
    for (const OptionWords& option : command.options) {
      if (option.choices.empty()) continue;
      absl::StrAppend(&arms.values, "    ",
                      Quote(absl::StrCat(command.path, " ", option.name)),
                      ") words=", Quote(absl::StrJoin(option.choices, " ")),
                      " ;;\n");
    }
    absl::StrAppend(&arms.words, "      ", Quote(command.path),
                    ") words=", Quote(absl::StrJoin(NextWords(command), " ")),
                    " ;;\n");
  }
  return arms;
}

std::string BashScript(const std::string& name,
                       const std::vector<CommandWords>& commands) {
  const CaseArms arms = MakeArms(commands);
  return absl::StrCat("# bash completion of ", name, ": source <(", name,
                      " completion bash)\n_", name, R"(() {
  local path=)",
                      Quote(name), R"( words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path ${COMP_WORDS[i]}" in
)",
                      arms.descend, R"(    esac
  done
  case "$path ${COMP_WORDS[COMP_CWORD-1]}" in
)",
                      arms.values, R"(    *) case "$path" in
)",
                      arms.words, R"(    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _)",
                      name, " ", name, "\n");
}

std::string ZshScript(const std::string& name,
                      const std::vector<CommandWords>& commands) {
  const CaseArms arms = MakeArms(commands);
  // `words` is zsh's own name for the command line.
  const auto renamed = [](const std::string& text) {
    return absl::StrReplaceAll(text, {{" words=", " next="}});
  };
  return absl::StrCat(
      "#compdef ", name, "\n# zsh completion: source <(", name,
      " completion zsh)\n_", name, R"(() {
  local path_words=)",
      Quote(name), R"( next='' i
  for ((i = 2; i < CURRENT; i++)); do
    case "$path_words ${words[i]}" in
)",
      absl::StrReplaceAll(arms.descend, {{" path=", " path_words="}}),
      R"(    esac
  done
  case "$path_words ${words[CURRENT-1]}" in
)",
      renamed(arms.values), R"(    *) case "$path_words" in
)",
      renamed(arms.words), R"(    esac ;;
  esac
  compadd -- ${=next}
  [[ ${words[CURRENT]} == -* ]] || _files
}
compdef _)",
      name, " ", name, "\n");
}

std::string FishScript(const std::string& name,
                       const std::vector<CommandWords>& commands) {
  std::string script =
      absl::StrCat("# fish completion: ", name,
                   " completion fish | source\nfunction __", name, R"(_at
  set -l path )",
                   Quote(name), R"(
  for word in (commandline -opc)[2..-1]
    switch "$path $word"
)");
  for (const CommandWords& command : commands) {
    for (const auto& [child, description] : command.subcommands) {
      const std::string path = Quote(absl::StrCat(command.path, " ", child));
      absl::StrAppend(&script, "      case ", path, "\n        set path ", path,
                      "\n");
    }
  }
  absl::StrAppend(&script, R"(    end
  end
  test "$path" = "$argv[1]"
end
)");
  for (const CommandWords& command : commands) {
    const std::string start = absl::StrCat(
        "complete -c ", name, " -n ",
        Quote(absl::StrCat("__", name, "_at \"", command.path, "\"")));
    for (const auto& [child, description] : command.subcommands) {
      absl::StrAppend(&script, start, " -f -a ", child, " -d ",
                      Quote(description), "\n");
    }
    for (const std::string& choice : command.choices) {
      absl::StrAppend(&script, start, " -f -a ", choice, "\n");
    }
    for (const OptionWords& option : command.options) {
      absl::StrAppend(&script, start, " -l ", option.name.substr(2), " -d ",
                      Quote(option.description));
      if (!option.choices.empty()) {
        absl::StrAppend(&script, " -x -a ",
                        Quote(absl::StrJoin(option.choices, " ")));
      }
      absl::StrAppend(&script, "\n");
    }
  }
  return script;
}

}  // namespace

absl::StatusOr<std::string> CompletionScript(const CLI::App& app,
                                             const std::string& shell) {
  std::vector<CommandWords> commands;
  Collect(app, app.get_name(), &commands);
  if (shell == "bash") return BashScript(app.get_name(), commands);
  if (shell == "zsh") return ZshScript(app.get_name(), commands);
  if (shell == "fish") return FishScript(app.get_name(), commands);
  return absl::InvalidArgumentError(
      absl::StrCat("shell ", shell, "; expected bash, zsh or fish"));
}

void RegisterCompletionCommand(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("completion", "Print a shell's completion script");
  command->footer(
      "Example:\n"
      "  source <(kvplacectl completion bash)\n");
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "Shell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  SetRun(command, [&app, shell]() -> absl::Status {
    absl::StatusOr<std::string> script = CompletionScript(app, *shell);
    if (!script.ok()) return script.status();
    std::cout << *script;
    return absl::OkStatus();
  });
}

}  // namespace kvplace
