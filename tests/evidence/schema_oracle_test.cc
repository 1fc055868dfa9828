// The published formats: our statements against schemas/statements/, the ML-BOM against CycloneDX's
// own schema and the control record against OSCAL's models, where the oracles have them.
#include <cstdlib>

#include "tests/evidence/facts_maker.h"

namespace assize::testing {
namespace {

constexpr char kPython[] = ASSIZE_SOURCE_DIR "/.deps/oracles/bin/python";

Json SchemaOf(const std::string& name) {
  return Must(ParseJson(ReadText(ASSIZE_SOURCE_DIR "/schemas/statements/" + name), name));
}

void ExpectValid(const std::string& schema, const trust::Statement& statement) {
  const auto findings = Must(ValidateJson(SchemaOf(schema), statement.predicate));
  EXPECT_TRUE(findings.empty()) << schema << ": " << findings[0];
}

TEST(Schemas, DescribeWhatIsSigned) {
  const evidence::BuildFacts build = SomeBuild();
  const evidence::ReleaseFacts release = SomeRelease();
  ExpectValid("criteria-v1.schema.json", evidence::CriteriaStatement(build.plan, 0));
  ExpectValid("build-v1.schema.json", evidence::ProvenanceStatement(build, release));
  ExpectValid("evaluation-v1.schema.json", evidence::EvaluationStatement(build, release));
  ExpectValid("approval-v1.schema.json",
              evidence::ApprovalStatement("a", "1.0.0", {}, {"r", "approved", "", "", 0, 5}));
  ExpectValid("waiver-v1.schema.json",
              evidence::WaiverStatement("a", "1.0.0", {}, {"top1", "pilot", 0, 5}));
  evidence::VerdictFacts verdict;
  verdict.name = "a";
  verdict.version = "1.0.0";
  verdict.policy_sha256 = verdict.journal_entry_sha256 = HexOf("x");
  verdict.outcome = "FAILED";
  verdict.journal_sequence = 2;
  verdict.files = {{"model.sig", HexOf("m"), 0}};
  ExpectValid("verdict-v1.schema.json", evidence::VerdictStatement({}, verdict));
  for (const char* event : {"started", "criteria", "ABORTED"}) {
    evidence::JournalFacts entry{1, HexOf("p"), event, "a", "1.0.0", 0, HexOf("x"), "", ""};
    if (entry.event == "criteria") entry.evaluation_set = HexOf("set");
    if (entry.event == "ABORTED") entry.reason = "interrupted";
    ExpectValid("journal-entry-v1.schema.json", evidence::JournalStatement(entry));
  }
}

// Runs a Python program over a document. Skips when the oracle lacks the module, but fails where CI
// is set and the lock promises it.
void Oracle(const std::string& program, const std::string& module, const std::string& package,
            const Json& document) {
  const char* ci = std::getenv("CI");
  const char* other = std::getenv("ASSIZE_ORACLE_PYTHON");
  const std::string python = other != nullptr ? other : kPython;
  if (!FileExists(python) || Shell("'" + python + "' -c 'import " + module + "'").exit != 0) {
    const bool promised =
        ReadText(ASSIZE_SOURCE_DIR "/scripts/oracles.lock").find(package + "==") !=
        std::string::npos;
    ASSERT_FALSE(promised && ci != nullptr && std::string(ci) == "true")
        << package << " is missing from the oracles";
    GTEST_SKIP() << python << " has no module " << module << " (" << package << ")";
  }
  TempFolder folder;
  WriteText(folder.path() + "/document.json", DumpJson(document));
  WriteText(folder.path() + "/check.py", program);
  const Ran run =
      Shell("'" + python + "' " + folder.path() + "/check.py " + folder.path() + "/document.json");
  EXPECT_EQ(run.exit, 0) << run.output;
}

// cyclonedx-python-lib carries the specification's schema files.
constexpr char kCycloneDx[] = R"py(
import json, os, sys
import cyclonedx.schema, jsonschema
from referencing import Registry, Resource
folder = os.path.join(os.path.dirname(cyclonedx.schema.__file__), "_res")
def load(name):
    return json.load(open(os.path.join(folder, name)))
registry = Registry().with_resources(
    [(load(n)["$id"], Resource.from_contents(load(n)))
     for n in ("spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json")])
schema = load("bom-1.6.SNAPSHOT.schema.json")
document = json.load(open(sys.argv[1]))
errors = list(jsonschema.Draft7Validator(schema, registry=registry).iter_errors(document))
for e in errors:
    print(e.json_path, e.message[:300])
assert document["metadata"]["component"]["modelCard"]
sys.exit(1 if errors else 0)
)py";

TEST(Schemas, CycloneDxAcceptsTheMlBom) {
  Recipe recipe;
  recipe.files["weights.bin"] = "external";
  recipe.external = {"weights.bin"};
  Oracle(kCycloneDx, "cyclonedx", "cyclonedx-python-lib",
         evidence::MlBom(SomeBuild(recipe), SomeRelease(recipe)));
}

// compliance-trestle's models are generated from OSCAL's schemas, and refuse unknown members.
constexpr char kOscal[] = R"py(
import sys
from pathlib import Path
from trestle.oscal.assessment_results import AssessmentResults
results = AssessmentResults.oscal_read(Path(sys.argv[1]))
assert results is not None and results.results[0].findings
)py";

TEST(Schemas, OscalModelsAcceptTheControlRecord) {
  Recipe bad;
  bad.wrong = 60;
  for (const Recipe& recipe : {Recipe{}, bad}) {
    evidence::BuildFacts build = SomeBuild(recipe);
    build.plan.catalogs = {"iso27001-2022", "hipaa-164"};
    Oracle(kOscal, "trestle", "compliance-trestle", Must(evidence::Oscal(build, SomeRelease())));
  }
}

}  // namespace
}  // namespace assize::testing
