// Attacks on the evidence: forged, ported, deleted, minted afterwards. Where a refusal would come
// from the verdict's listing alone, the releaser is taken to collude and the verdict lists the
// forgery, so that the check in question has to find it.
#include "tests/policy/gate_maker.h"

namespace assize::testing {
namespace {

using EvidenceAttacks = GateTest;

TEST_F(EvidenceAttacks, deleted_attestation) {
  for (const char* file :
       {evidence::kEvaluationFile, evidence::kProvenanceFile, evidence::kCriteriaFile,
        evidence::kTestResultFile, evidence::kMlBomFile, evidence::kControlsTwin,
        evidence::kJournalFile, evidence::kVerifyText, evidence::kModelSignature}) {
    const std::string path = Copy();
    std::filesystem::remove(JoinPath(path, file));
    Refused(path, "files-listed");
    // Also when the verdict no longer lists it.
    if (std::string(file) != evidence::kModelSignature) {
      Relist(path, TestKeys().releaser);
      Refused(path, "files-listed");
    }
  }
}

TEST_F(EvidenceAttacks, forged_report_html) {
  std::string report = ReadText(JoinPath(release_, evidence::kReportFile));
  WriteText(JoinPath(release_, evidence::kReportFile), Replace(report, "98.5", "99.9"));
  Refused(release_, "files-listed");
  EXPECT_EQ(
      Must(policy::Verify(Must(release::ReadRelease(release_)), {TestKeys().releaser.public_key()}))
          .exit_code,
      ExitCode::kNotTrusted);
}

TEST_F(EvidenceAttacks, bare_document_differs_from_the_signed_one) {
  const std::string path = Copy();
  std::string bom = ReadText(JoinPath(path, evidence::kMlBomTwin));
  WriteText(JoinPath(path, evidence::kMlBomTwin), Replace(bom, "deidentified", "public"));
  Relist(path, TestKeys().releaser);
  Refused(path, "files-listed");
}

TEST_F(EvidenceAttacks, file_added_to_the_evidence) {
  WriteText(release_ + "/evidence/worksheet.csv", "row,flipped\n");
  Refused(release_, "files-listed");
}

TEST_F(EvidenceAttacks, file_added_to_the_verdicts) {
  WriteText(release_ + "/verdicts/README", "trust me");
  Refused(release_, "files-listed");
}

TEST_F(EvidenceAttacks, evidence_ported_by_shared_labels) {
  // Another release has the same labels.txt, and so shares a subject with this one.
  Recipe other = recipe_;
  other.version = "1.1.0";
  other.files["model.onnx"] = "a better model";
  const std::string donor = Make(other);
  for (const char* file :
       {evidence::kEvaluationFile, evidence::kProvenanceFile, evidence::kTestResultFile,
        evidence::kMlBomFile, evidence::kControlsFile}) {
    const std::string path = Copy();
    std::filesystem::copy_file(JoinPath(donor, file), JoinPath(path, file),
                               std::filesystem::copy_options::overwrite_existing);
    Relist(path, TestKeys().releaser);
    Refused(path, "subjects-bound");
  }
}

TEST_F(EvidenceAttacks, evidence_of_another_release) {
  Recipe other = recipe_;
  other.name = "another";
  const std::string donor = Make(other);
  std::filesystem::remove_all(release_ + "/evidence");
  std::filesystem::copy(donor + "/evidence", release_ + "/evidence",
                        std::filesystem::copy_options::recursive);
  Refused(release_, "files-listed");
  Refused(release_, "subjects-bound");
}

// Counts of a better run, in all the places where the report keeps them.
void Improve(Json& statement) {
  Recipe better;
  better.wrong = 0;
  statement["predicate"]["report"] = ReportOf(better).ToJson();
}

TEST_F(EvidenceAttacks, forged_counts) {
  const std::string file = JoinPath(Copy(), evidence::kEvaluationFile);
  const std::string path = FolderOf(FolderOf(file));
  // Signed again with another role's key, even with the releaser's help.
  Resign(file, Improve, TestKeys().builder);
  Refused(path, "key-role");
  Relist(path, TestKeys().releaser);
  Refused(path, "key-role");
}

TEST_F(EvidenceAttacks, forged_verdict_flags) {
  // A failed evaluation whose stored outcomes say PASSED, by the evaluator's own key.
  Recipe bad = recipe_;
  bad.version = "1.1.0";
  bad.wrong = 60;
  const std::string path = CopyOut(Make(bad), store_.path() + "/forged");
  std::filesystem::rename(path + "/rejected", path + "/model");
  const trust::ModelTree tree = Must(trust::HashModelFolder(path + "/model"));
  WriteText(path + "/model.sig", Must(trust::SignModel(tree, "model", TestKeys().releaser)));
  const auto flip = [](Json& statement) {
    std::string text = DumpJson(statement);
    Replace(text, "\"FAILED\"", "\"PASSED\"");
    Replace(text, "\"UNDECIDED\"", "\"PASSED\"");
    statement = Must(ParseJson(text, "forged"));
  };
  Resign(JoinPath(path, evidence::kEvaluationFile), flip, TestKeys().evaluator);
  Resign(JoinPath(path, evidence::VerdictFile(1)), flip, TestKeys().releaser);
  Relist(path, TestKeys().releaser);
  Refused(path, "bounds-recomputed");
}

TEST_F(EvidenceAttacks, test_result_says_passed) {
  Recipe bad = recipe_;
  bad.version = "1.1.0";
  bad.wrong = 60;
  const std::string path = CopyOut(Make(bad), store_.path() + "/forged");
  Resign(
      JoinPath(path, evidence::kTestResultFile),
      [](Json& statement) { statement["predicate"]["result"] = "PASSED"; }, TestKeys().evaluator);
  Relist(path, TestKeys().releaser);
  Refused(path, "bounds-recomputed");
}

TEST_F(EvidenceAttacks, passes_of_another_model) {
  policy::GateOptions options = Loaded(recipe_);
  options.structural_digest = HexOf("structure after");
  EXPECT_EQ(RunGate(release_, PolicyOf(recipe_), clock_, options).exit_code, ExitCode::kOk);
  options.structural_digest = HexOf("another structure");
  ExpectRefused(release_, PolicyOf(recipe_), clock_, options, "subjects-bound");
}

TEST_F(EvidenceAttacks, nan_metric) {
  for (const char* value : {"null", "\"NaN\"", "-1", "1e400"}) {
    const std::string path = Copy();
    const std::string file = JoinPath(path, evidence::kEvaluationFile);
    std::string payload = PayloadOf(ReadText(file));
    const size_t at = payload.find("\"n\":400");
    ASSERT_NE(at, std::string::npos);
    payload.replace(at + 4, 3, value);
    const StatusOr<std::string> bundle = trust::SignPayload(payload, TestKeys().evaluator);
    if (!bundle.ok()) continue;  // no such number can even be signed
    WriteText(file, *bundle);
    Relist(path, TestKeys().releaser);
    Refused(path, "bounds-recomputed");
  }
}

TEST_F(EvidenceAttacks, criteria_minted_after_run) {
  // Softer criteria, signed with the criteria key after the result was known.
  Recipe soft = recipe_;
  soft.threshold = 0.5;
  clock_.now += 3600;
  const std::string path = Copy();
  const std::string bundle = Must(trust::SignStatement(
      evidence::CriteriaStatement(PlanOf(soft), clock_.now), TestKeys().criteria));
  WriteText(JoinPath(path, evidence::kCriteriaFile), bundle);
  Relist(path, TestKeys().releaser);
  Refused(path, "criteria-order");
  // With builder and evaluator citing the new digest, the journal still has the old one.
  const std::string digest = HexOf(bundle);
  Resign(
      JoinPath(path, evidence::kEvaluationFile),
      [&](Json& statement) {
        statement["predicate"]["criteria"]["sha256"] = digest;
        statement["predicate"]["report"] = ReportOf(soft).ToJson();
      },
      TestKeys().evaluator);
  Resign(
      JoinPath(path, evidence::kProvenanceFile),
      [&](Json& statement) {
        for (Json& dependency : statement["predicate"]["buildDefinition"]["resolvedDependencies"]) {
          if (dependency["name"] == "criteria") dependency["digest"]["sha256"] = digest;
        }
      },
      TestKeys().builder);
  Relist(path, TestKeys().releaser);
  Refused(path, "criteria-order");
  Refused(path, "chain-unbroken");
}

TEST_F(EvidenceAttacks, second_evaluation_cherry_picked) {
  // Beside the first.
  std::string path = Copy();
  const std::string second = path + "/evidence/evaluation-2.sigstore.json";
  std::filesystem::copy_file(JoinPath(path, evidence::kEvaluationFile), second);
  Resign(second, Improve, TestKeys().evaluator);
  Relist(path, TestKeys().releaser);
  Refused(path, "bounds-recomputed");
  // In its place, from a run that the journal holds under another line.
  Recipe again = recipe_;
  again.version = "1.1.0";
  again.wrong = 0;
  const std::string donor = Make(again);
  path = Copy();
  Resign(
      JoinPath(path, evidence::kEvaluationFile),
      [&](Json& statement) {
        const Json other = StatementIn(JoinPath(donor, evidence::kEvaluationFile));
        statement["predicate"]["report"] = other["predicate"]["report"];
        statement["predicate"]["journal"] = other["predicate"]["journal"];
      },
      TestKeys().evaluator);
  Relist(path, TestKeys().releaser);
  Refused(path, "chain-unbroken");
}

TEST_F(EvidenceAttacks, degraded_source_as_baseline) {
  Recipe degraded = recipe_;
  degraded.version = "1.1.0";
  degraded.source = "a source model made worse on purpose";
  degraded.source_wrong = 100;
  Refused(Make(degraded), "baseline-pinned");
  Recipe easier = recipe_;
  easier.version = "1.2.0";
  easier.evaluation_set = "easy samples only";
  Refused(Make(easier), "baseline-pinned");
}

TEST_F(EvidenceAttacks, bare_control_id_satisfied) {
  const std::string path = Copy();
  const auto whole_control = [](Json& statement) {
    statement["predicate"]["assessment-results"]["results"][0]["findings"][0]["target"]
             ["target-id"] = "A.8.29";
  };
  Resign(JoinPath(path, evidence::kControlsFile), whole_control, TestKeys().releaser);
  WriteText(JoinPath(path, evidence::kControlsTwin),
            DumpJson(StatementIn(JoinPath(path, evidence::kControlsFile))["predicate"]));
  Relist(path, TestKeys().releaser);
  Refused(path, "subjects-bound");
}

TEST_F(EvidenceAttacks, recipe_replaced) {
  const std::string path = Copy();
  WriteText(JoinPath(path, evidence::kRecipeFile), "assize: 1\n# nothing to see\n");
  Relist(path, TestKeys().releaser);
  Refused(path, "subjects-bound");
}

TEST_F(EvidenceAttacks, patient_id_canary_in_file_name) {
  Recipe recipe = recipe_;
  recipe.version = "1.1.0";
  recipe.set_file = "MRN-00471142_Doe.npz";
  recipe.withheld = {"/data/ward7/MRN-00471142_Doe.npz"};
  const std::string path = Make(recipe);
  for (const auto& [name, bytes] : Must(release::ReadRelease(path)).files) {
    EXPECT_EQ(bytes.find("00471142"), std::string::npos) << name;
    if (name.ends_with(".sigstore.json")) {
      EXPECT_EQ(PayloadOf(bytes).find("00471142"), std::string::npos) << name;
    }
  }
  // A recipe that still names the file is stopped before anything is published.
  recipe.version = "1.2.0";
  const evidence::PlanFacts plan = PlanOf(recipe);
  release::Build build = Must(release::Store(Store()).Begin(plan, TestKeys().Roles(), clock_));
  Must(build.SealCriteria(plan));
  WriteText(build.model_folder() + "/model.onnx", recipe.files["model.onnx"]);
  WriteText(build.model_folder() + "/MRN-00471142_Doe.npz", "x");
  const auto published = build.Finish(BuildOf(recipe, clock_), "model.onnx", recipe.withheld);
  ASSERT_FALSE(published.ok());
  EXPECT_EQ(published.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Message(published.status()).find("00471142"), std::string::npos);
}

}  // namespace
}  // namespace assize::testing
