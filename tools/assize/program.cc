// Parsing what the user typed, and turning statuses into messages and exit codes. Tests:
// tests/cli/usage_test.cc.
#include "tools/assize/program.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <exception>
#include <new>

#include "lib/support/parallel.h"
#include "lib/support/suggest.h"

namespace assize::cli {
namespace {

constexpr char kExitCodes[] =
    "Exit codes:\n"
    "  0   done; all criteria met\n"
    "  1   findings: a criterion, policy or comparison failed or stayed undecided\n"
    "  2   usage: the command line or a pipeline's text\n"
    "  3   bad input: model, recipe or data\n"
    "  4   not trusted: signature, digest, key or coverage\n"
    "  5   environment: disk, memory limit, permission, interruption\n"
    "  70  a bug of assize; a reproducer is written where that is possible\n"
    "\n"
    "Data goes to standard output, everything else to standard error. With --json, standard output "
    "holds one JSON\n"
    "object, for errors too: {\"error\": {\"code\", \"exit\", \"message\"}}. ASSIZE_KEY_PASSPHRASE "
    "opens encrypted keys.\n"
    "\n"
    "Example:\n"
    "  assize build examples/breast-cancer/recipe.yaml";

// CLI11's sentences in the form of ours: lower case, no final period.
std::string OurForm(std::string text) {
  if (text.size() > 1 && std::isupper(static_cast<unsigned char>(text[0])) != 0 &&
      std::islower(static_cast<unsigned char>(text[1])) != 0) {
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  }
  while (!text.empty() && (text.back() == '.' || text.back() == '\n')) text.pop_back();
  return text;
}

// Before parsing, because what fails to parse shall be told in the form that was asked for.
bool AsksForJson(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--") return false;
    if (argument == "--json") return true;
  }
  return false;
}

int Report(const Status& status, const std::string& command, bool json) {
  const ExitCode code = ExitCodeOf(status);
  const char* red = HasColour(STDERR_FILENO) ? "\x1b[31m" : "";
  fmt::print(stderr, "{}: {}error:{} {}\n", command, red, *red == '\0' ? "" : "\x1b[0m",
             Message(status));
  if (code == ExitCode::kUsage) fmt::print(stderr, "see `{} --help`\n", command);
  if (code == ExitCode::kOurBug) fmt::print(stderr, "this is a bug of assize, not of your files\n");
  if (json) {
    Settings settings;
    settings.json = true;
    settings.quiet = true;
    Output output(settings);
    Json error = {{"code", absl::StatusCodeToString(status.code())},
                  {"exit", static_cast<int>(code)},
                  {"message", Message(status)}};
    output.Document({{"error", std::move(error)}});
  }
  return static_cast<int>(code);
}

}  // namespace

Program::Program()
    : app_("Shrinks ONNX models, measures what that did, and casts a signed, evidenced release.",
           "assize") {
  app_.require_subcommand(0,
                          1);  // at most one: an argument that is a verb's name is then an argument
  app_.allow_extras();
  app_.set_help_flag("-h,--help", "print this help and exit");
  app_.set_version_flag("--version", "assize " ASSIZE_VERSION, "print the version and exit");
  app_.footer(kExitCodes);
}

CLI::App& Program::Add(const std::string& name, const std::string& summary,
                       const std::string& example) {
  Verb verb;
  verb.app = app_.add_subcommand(name, summary);
  verb.settings = std::make_shared<Settings>();
  verb.app->allow_extras();
  verb.app->footer("Example:\n  " + example);
  Settings& settings = *verb.settings;
  verb.app
      ->add_flag("--json", settings.json,
                 "print one JSON object on standard output, for errors too")
      ->group("Common");
  verb.app
      ->add_flag("--quiet", settings.quiet, "print only what was asked for and errors; no progress")
      ->group("Common");
  verb.app->add_flag("--verbose", settings.verbose, "print notes too")->group("Common");
  verb.app
      ->add_option("--threads", settings.threads,
                   "threads to use; default: one per core. Results do not depend on it")
      ->type_name("N")
      ->check(CLI::Range(1, 1024))
      ->group("Common");
  verbs_.push_back(verb);
  return *verb.app;
}

void Program::Does(CLI::App& verb, Run run) {
  for (Verb& known : verbs_) {
    if (known.app == &verb) known.run = std::move(run);
  }
}

std::vector<std::string> Program::VerbNames() const {
  std::vector<std::string> names;
  for (const Verb& verb : verbs_) names.push_back(verb.app->get_name());
  return names;
}

Status Program::UnknownArgument(const Verb* verb) const {
  const CLI::App& app = verb != nullptr ? *verb->app : app_;
  const std::vector<std::string> rest = app.remaining();
  for (const std::string& argument : rest) {
    if (argument.size() < 2 || argument[0] != '-') continue;
    const std::string name = argument.substr(0, argument.find('='));
    std::vector<std::string> known;
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& flag : option->get_lnames()) known.push_back("--" + flag);
    }
    const std::string of = verb != nullptr ? " of " + verb->app->get_name() : "";
    return UsageError("unknown option \"{}\"{}{}", name, of, DidYouMean(name, known));
  }
  if (rest.empty()) return OkStatus();
  if (verb != nullptr) return UsageError("unexpected argument \"{}\"", rest.front());
  return UsageError("unknown verb \"{}\"{}; expected one of {}", rest.front(),
                    DidYouMean(rest.front(), VerbNames()), fmt::join(VerbNames(), ", "));
}

StatusOr<const Program::Verb*> Program::Parse(int argc, const char* const* argv, Output& plain) {
  const auto chosen = [&]() -> const Verb* {
    for (const Verb& verb : verbs_) {
      if (verb.app->parsed()) return &verb;
    }
    return nullptr;
  };
  try {
    app_.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    plain.Data(app_.help());
    return nullptr;
  } catch (const CLI::CallForVersion& version) {
    plain.Data(std::string(version.what()) + "\n");
    return nullptr;
  } catch (const CLI::ParseError& error) {
    // A misspelt option also looks like a missing one: the misspelling is the better news.
    const Verb* verb = chosen();
    for (const std::string& argument :
         verb != nullptr ? verb->app->remaining() : app_.remaining()) {
      if (argument.size() > 1 && argument[0] == '-') return UnknownArgument(verb);
    }
    return UsageError("{}", OurForm(error.what()));
  }
  AZ_RETURN_IF_ERROR(UnknownArgument(nullptr));
  const Verb* verb = chosen();
  if (verb == nullptr)
    return UsageError("no verb; expected one of {}", fmt::join(VerbNames(), ", "));
  AZ_RETURN_IF_ERROR(UnknownArgument(verb));
  return verb;
}

int Program::Main(int argc, const char* const* argv) {
  const bool json = AsksForJson(argc, argv);
  std::string command = "assize";
  try {
    Output plain{Settings()};
    if (argc == 2 && std::string_view(argv[1]) == "--help-markdown") {
      plain.Data(HelpMarkdown());
      const Status written = plain.Finish();
      return written.ok() ? 0 : Report(written, command, json);
    }
    StatusOr<const Verb*> parsed = Parse(argc, argv, plain);
    for (const Verb& verb : verbs_) {
      if (verb.app->parsed()) command = "assize " + verb.app->get_name();
    }
    if (!parsed.ok()) return Report(parsed.status(), command, json);
    if (*parsed == nullptr) {
      const Status written = plain.Finish();
      return written.ok() ? 0 : Report(written, command, json);
    }
    const Verb& verb = **parsed;
    SetThreadCount(verb.settings->threads);
    Output output(*verb.settings);
    const StatusOr<ExitCode> code = verb.run(output);
    output.progress().Finish();
    if (!code.ok()) return Report(code.status(), command, json);
    if (const Status written = output.Finish(); !written.ok()) {
      if (output.reader_is_gone()) return static_cast<int>(ExitCodeOf(written));
      return Report(written, command, json);
    }
    return static_cast<int>(*code);
  } catch (const std::bad_alloc&) {
    return Report(Unavailable("out of memory"), command, json);
  } catch (const std::exception& error) {
    return Report(Internal("an exception nobody expected: {}", error.what()), command, json);
  }
}

std::string Program::HelpMarkdown() const {
  std::string text =
      "# Command line\n\nMade by `assize --help-markdown`; `scripts/make-docs` writes it anew.\n\n"
      "```text\n" +
      app_.help() + "```\n";
  for (const Verb& verb : verbs_) {
    text += fmt::format("\n## assize {}\n\n```text\n{}```\n", verb.app->get_name(),
                        verb.app->help("assize"));
  }
  return text;
}

}  // namespace assize::cli
