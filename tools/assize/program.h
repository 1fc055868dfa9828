// The program: its verbs, what the user typed, and the way from a status to an exit code.
//
// Each verb lives in a file of its own and adds itself: a CLI11 subcommand with its flags, and a
// function that calls flow and prints. Tests: tests/cli/.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/support/exit_code.h"
#include "lib/support/status.h"
#include "tools/assize/common.h"

namespace assize::cli {

class Program {
 public:
  // OK: the result's exit code. An error has its own (ExitCodeOf).
  using Run = std::function<StatusOr<ExitCode>(Output& output)>;

  Program();

  // Adds a verb with the flags that every verb has. `example` ends its help. The returned App lives
  // as long as this.
  CLI::App& Add(const std::string& name, const std::string& summary, const std::string& example);
  // What the verb does, once its flags are parsed.
  void Does(CLI::App& verb, Run run);

  // Parses, runs and prints; returns the process's exit code. Never throws.
  int Main(int argc, const char* const* argv);

  std::string HelpMarkdown() const;  // docs/cli.md, whole

 private:
  struct Verb {
    CLI::App* app = nullptr;
    std::shared_ptr<Settings> settings;
    Run run;
  };
  // The verb to run; null when there is nothing left to do (help was printed).
  StatusOr<const Verb*> Parse(int argc, const char* const* argv, Output& plain);
  Status UnknownArgument(const Verb* verb) const;
  std::vector<std::string> VerbNames() const;

  CLI::App app_;
  std::vector<Verb> verbs_;
};

// One function per verb, each in the file of its name.
void AddBuild(Program& program);
void AddVerify(Program& program);
void AddGate(Program& program);
void AddOpt(Program& program);
void AddQuantize(Program& program);
void AddPrune(Program& program);
void AddEval(Program& program);
void AddRun(Program& program);
void AddBench(Program& program);
void AddInspect(Program& program);
void AddDiff(Program& program);
void AddKey(Program& program);
void AddPasses(Program& program);
void AddList(Program& program);

}  // namespace assize::cli
