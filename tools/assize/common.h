// What all verbs share: printing that notices a full disk, flags for data and passphrases, files
// that may be pipes. Tests: tests/cli/.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/flow/optimize.h"
#include "lib/flow/user_data.h"
#include "lib/support/diagnostics.h"
#include "lib/support/files.h"
#include "lib/support/json.h"
#include "lib/support/progress.h"
#include "lib/support/status.h"

namespace CLI {
class App;
}

namespace assize::cli {

// The flags that every verb has.
struct Settings {
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  int threads = 0;  // 0: the number of cores
};

// Data to standard output, everything else to standard error. The first write that fails is kept in
// status().
class Output {
 public:
  explicit Output(const Settings& settings);
  const Settings& settings() const { return settings_; }
  Progress& progress() { return *progress_; }

  void Data(const std::string& text);                      // as it is; nothing under --json
  void Summary(const std::string& text);                   // as Data, but not under --quiet either
  void Document(const Json& json);                         // the one object of --json
  void Bytes(const std::string& bytes);                    // a file into the pipe
  void Note(const std::string& text);                      // stderr, a line; not under --quiet
  void Detail(const std::string& text);                    // stderr; only under --verbose
  void Findings(const std::vector<Diagnostic>& findings);  // notes are details
  // Ends standard output: Unavailable when not all of it could be written.
  Status Finish();
  // True when the reader of standard output went away: nobody is left to tell.
  bool reader_is_gone() const;

 private:
  void Write(const std::string& text);
  Settings settings_;
  std::unique_ptr<Progress> progress_;
  int error_ = 0;  // errno of the first failed write
};

// `text` in the colour of its first word (PASSED, FAILED, UNDECIDED), on a terminal without
// NO_COLOR.
std::string Verdict(const std::string& text);
// True when `descriptor` is a terminal that shall have colour.
bool HasColour(int descriptor);

// An error of what the user typed, whatever it says: exit 2.
Status AsUsage(const Status& status);

// --data, --input, --labels.
struct DataFlags {
  std::string path;
  std::vector<std::string> inputs;  // NAME=ARRAY
  std::string labels;
};
void AddDataFlags(CLI::App& app, DataFlags& flags, bool required);
StatusOr<flow::UserData> ToUserData(const DataFlags& flags);

// Where a verb writes its one file: a path, or with "-" standard output, by way of a temporary
// folder.
class OutputFile {
 public:
  // `name`: of the temporary file. UsageError: a pipe together with --json, or to a terminal.
  static StatusOr<OutputFile> Open(const std::string& argument, const std::string& name,
                                   const Settings& settings);
  const std::string& path() const { return path_; }
  bool piped() const { return folder_.has_value(); }
  // Puts a piped file on standard output. FailedPrecondition when there is more than one (external
  // data).
  Status Deliver(Output& output);

 private:
  std::string path_;
  std::optional<StagingFolder> folder_;
};

// The end of opt, quantize and prune: findings, the table, the JSON object.
Status PrintOptimized(const flow::OptimizeResult& result, OutputFile& file, Output& output);

}  // namespace assize::cli
