// A recipe and a policy that say nearly everything, and a checker against the published schemas.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/support/files.h"
#include "lib/support/json.h"
#include "lib/support/yaml.h"

namespace assize::recipe {

inline constexpr char kDigest[] =
    "3e67a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e";

// The shape that the documentation shows.
inline constexpr char kShortRecipe[] = R"(assize: 1
model: { path: pneumonia_cnn.onnx, sha256: 3e67a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e }
data:
  train: { npz: pneumoniamnist.npz, input: train_images, labels: train_labels, layout: HW->NCHW, scale: 1/255 }
  test:  { npz: pneumoniamnist.npz, input: test_images,  labels: test_labels,  layout: HW->NCHW, scale: 1/255 }
  splits: { calibration: { from: train, rows: 300, seed: 7 }, evaluation: { from: test } }
passes: [ simplify, fuse, { quantize-static: { calibrator: percentile } } ]
criteria:
  - { metric: sensitivity, class: 1, at_least: 0.95 }
  - { metric: top1, max_drop: 0.02, against: source }
  - { metric: flip_rate, at_most: 0.03, against: source }
release: { name: chest-xray, version: 1.0.0 }
keys: { criteria: keys/criteria.pem, builder: keys/builder.pem, evaluator: keys/evaluator.pem, releaser: keys/releaser.pem }
change: { ticket: CR-1042, requester: radiology, reason: faster triage on ward PCs }
classification: deidentified
evidence: [ iso27001-2022 ]
)";

// Every other way to say something.
inline constexpr char kLongRecipe[] = R"(assize: 1
seed: 11
model: m.onnx
data:
  many:
    npz: a.npz
    inputs:
      image: { array: x, layout: HWC->NCHW, mean: [ 0.485, 0.456, 0.406 ], std: [ 0.229, 0.224, 0.225 ], dtype: f32 }
      age: ages
    sha256: 3e67a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e
  idx: { idx: images.gz, labels: labels.gz, scale: 1/255, mean: 0.1307, std: 0.3081, sha256: { labels.gz: 3e67a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e } }
  plain: { npy: x.npy, labels: y.npy, groups: people.npy, affine: { scale: 0.00784313725490196, zero_point: 128 }, reshape: [ 1, -1 ] }
  table: { csv: wdbc.csv, labels: diagnosis, groups: patient, skip: [ id, note ] }
  chosen: { csv: wdbc.csv, columns: [ radius, "mean texture" ], labels: diagnosis }
  splits:
    calibration: { from: idx, rows_file: rows.json, key: mnist }
    tuning: { from: plain, rows: 10 }
    evaluation: { from: idx, exclude_rows_of: calibration }
passes:
  - simplify: {}
  - fuse:
  - quantize-static: { percentile: 99.99, per-channel: true, note: "a, b" }
  - prune-magnitude: { sparsity: 0.50 }
criteria:
  - { metric: topk, k: 5, at_least: 0.9, confidence: 0.99, id: five }
  - { metric: rmse, at_most: 1e-3 }
release: { name: x_1, version: 1.0.0-rc.1+build.5 }
keys: demo
classification: public
limits: { max_memory_bytes: 4294967296 }
)";

inline constexpr char kPolicy[] = R"(assize_policy: 1
release: chest-xray
keys:
  criteria: keys/criteria.pub.pem
  builder: { file: keys/builder.pub.pem, not_before: 2026-01-01T00:00:00Z, not_after: 2027-01-01T00:00:00Z }
  evaluator: [ keys/lab.pub.pem, { file: keys/old-lab.pub.pem, revoked: true } ]
  releaser: keys/criteria.pub.pem
allow_demo_keys: false
baseline:
  model_sha256: 3e67a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e
  evaluation_set_sha256: 3e67a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e
criteria: [ { metric: sensitivity, class: 1, at_least: 0.95 } ]
min_samples: 300
separation: { require: [ builder, evaluator ] }
approvals: 1
order: proved
require_re_evaluation: true
max_earlier_attempts: 2
require_journal: true
not_older_than: { version: 1.0.0, journal_sequence: 4, journal_entry_sha256: 3e67a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e }
)";

// What the published schema says about the text; empty: nothing to say.
inline std::vector<std::string> SchemaFindings(const std::string& schema, const std::string& text) {
  const std::string path = std::string(ASSIZE_SOURCE_DIR) + "/schemas/" + schema;
  const Json parsed = ParseJson(ReadFile(path).value(), path).value();
  return ValidateJson(parsed, ParseYaml(text, "text").value().ToJson()).value();
}

// The text with one part replaced; the part must be there.
inline std::string With(std::string text, const std::string& part, const std::string& other) {
  const size_t at = text.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  if (at != std::string::npos) text.replace(at, part.size(), other);
  return text;
}

}  // namespace assize::recipe
