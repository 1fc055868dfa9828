// Findings: what a pass, check or verifier has to say that is not a failure of its own.
#pragma once

#include <string>
#include <vector>

namespace assize {

enum class Severity { kNote, kWarning, kError };

// One finding. `rule` is a stable id AZ-<FAMILY>-<NNNN>; `place` names file, graph, node or JSON
// pointer.
struct Diagnostic {
  Severity severity = Severity::kNote;
  std::string rule;
  std::string place;
  std::string message;
  std::vector<std::string> notes;
};

class DiagnosticSink {
 public:
  virtual ~DiagnosticSink() = default;
  virtual void Report(Diagnostic diagnostic) = 0;
};

class CollectingSink final : public DiagnosticSink {
 public:
  void Report(Diagnostic diagnostic) override { diagnostics_.push_back(std::move(diagnostic)); }
  const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }

 private:
  std::vector<Diagnostic> diagnostics_;
};

// Rows of the machine-wide severity names: "note", "warning", "error".
const char* SeverityName(Severity severity);

}  // namespace assize
