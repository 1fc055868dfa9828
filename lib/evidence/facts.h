// What a build measured, in the words of the evidence room: the input of every statement.
//
// Flow fills it from the code that did the work. Everything is aggregates, digests and names of
// things that are no persons; data files are named by set, never by path. Tests: tests/evidence/.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/eval/report.h"
#include "lib/pass/record.h"
#include "lib/support/json.h"

namespace assize::evidence {

// A file by content. `name` has no folders unless it is below a model folder.
struct FileFact {
  std::string name;
  std::string sha256;  // 64 lower-case hex digits
  int64_t bytes = 0;
};

struct TensorFact {
  std::string name;
  std::string dtype;  // "f32"
  std::string shape;  // "[N, 1, 28, 28]"
};

// A model before or after.
struct ModelFacts {
  FileFact file;                   // the .onnx file
  std::vector<FileFact> external;  // external data that loading touches, by location
  std::string structural_digest;   // hex
  int64_t nodes = 0;
  int64_t parameters = 0;
  int64_t nonzero_parameters = 0;
  int64_t weight_bytes = 0;
  int64_t macs = 0;
  bool macs_complete = true;
  int64_t ir_version = 0;
  std::map<std::string, int64_t> opsets;  // domain ("ai.onnx") -> version
  std::vector<TensorFact> inputs, outputs;
  std::vector<std::string> not_executable;  // ops carried through untouched that we cannot run
};

// A data set by the recipe's name.
struct DataFacts {
  std::string name;             // "test"
  std::vector<FileFact> files;  // names are ignored: files are called "<set>[i]" in the evidence
};

// Rows used for one purpose.
struct SplitFacts {
  std::string name;  // "calibration", "evaluation"
  std::string from;  // data set
  int64_t rows = 0;
  std::string
      digest;  // hex: files, rows, preprocessing and labels (data::Dataset::SelectionDigest)
  Json record = Json::object();       // data::SplitRecord::ToJson()
  Json description = Json::object();  // data::Dataset::Describe(rows); file names are taken out
};

// A component that took part: the compiler itself, a library, the instruction set.
struct ToolFact {
  std::string name;
  std::string version;
  std::string sha256;  // may be empty
};

struct ChangeFacts {
  std::string ticket, requester, reason;  // any may be empty
};

// What is fixed before the run.
struct PlanFacts {
  std::string name;            // release
  std::string version;         // semantic
  std::string classification;  // "public", "deidentified", "phi"
  ChangeFacts change;
  std::vector<eval::Criterion> criteria;
  ModelFacts source;
  std::vector<DataFacts> data;
  SplitFacts evaluation;              // what the criteria are judged on
  std::string recipe_yaml;            // effective, every default written out; see privacy.h
  std::string pipeline;               // text form
  std::vector<std::string> catalogs;  // "iso27001-2022"
};

// What is known after it.
struct BuildFacts {
  PlanFacts plan;
  ModelFacts result;
  std::vector<SplitFacts> splits;  // all, the evaluation split included
  std::vector<pass::PassRecord> records;
  eval::Report report;
  std::vector<ToolFact> tools;      // [0] is assize itself
  std::string instruction_set;      // "avx2"
  std::vector<std::string> limits;  // sentences for the report's "what this does not show"
  int64_t started_at = 0;           // Unix seconds
  int64_t evaluated_at = 0;
  int64_t finished_at = 0;
  Json measurements =
      Json::object();  // what differs from run to run: durations, peak memory, threads
};

// How a key stands in a release.
struct SignerFact {
  std::string role;    // RoleName
  std::string key_id;  // 64 hex digits
  bool demo = false;
  std::string algorithm = "P-256";  // trust::KeyTypeName
};

// What the release room adds once the tree is known.
struct ReleaseFacts {
  std::vector<FileFact> files;  // of model/ (or rejected/), sorted by name
  std::string folder;           // "model" or "rejected"
  std::string listing_sha256;   // hex
  std::string root_sha256;      // OMS root, hex
  std::string model_file;       // name of the ONNX file below the folder
  std::string criteria_bundle_sha256;
  int64_t criteria_signed_at = 0;
  int64_t journal_sequence = 0;      // of the entry that seals the criteria
  std::string journal_entry_sha256;  // its digest
  std::string invocation;            // digest of the journal's `started` entry
  std::vector<SignerFact> signers;   // criteria, builder, evaluator, releaser
};

}  // namespace assize::evidence
