// The documents for other readers: what they must and must not contain.
#include "lib/evidence/documents.h"

#include <set>

#include "lib/evidence/privacy.h"
#include "tests/evidence/facts_maker.h"

namespace assize::testing {
namespace {

using evidence::SignerFact;
using evidence::Standing;

TEST(HonestSentences, SayNoMoreThanIsKnown) {
  const auto sentence = [](std::vector<SignerFact> signers, eval::Outcome outcome) {
    Standing standing;
    standing.outcome = outcome;
    standing.signers = std::move(signers);
    return evidence::HonestSentence(standing);
  };
  const std::vector<SignerFact> demo = {{"criteria", "de01", true, ""},
                                        {"builder", "de01", true, ""},
                                        {"evaluator", "de01", true, ""},
                                        {"releaser", "de01", true, ""}};
  EXPECT_EQ(sentence(demo, eval::Outcome::kPassed),
            "PASSED (criteria met). SELF-ATTESTED: every role signed with demo keys of one person; "
            "no approvals, no trusted time.");
  // Four demo keys are no more people than one.
  std::vector<SignerFact> four = demo;
  four[1].key_id = "de02", four[2].key_id = "de03", four[3].key_id = "de04";
  EXPECT_EQ(sentence(four, eval::Outcome::kPassed), sentence(demo, eval::Outcome::kPassed));
  std::vector<SignerFact> separate = four;
  for (SignerFact& signer : separate) signer.demo = false;
  EXPECT_EQ(sentence(separate, eval::Outcome::kFailed),
            "FAILED (criteria not met). SEPARATED: the roles signed with 4 different keys; no "
            "approvals, no trusted time.");
  separate[3].key_id = separate[2].key_id;
  EXPECT_EQ(sentence(separate, eval::Outcome::kUndecided).find("SEPARATED"), std::string::npos);
  for (SignerFact& signer : separate) signer.key_id = "ab";
  EXPECT_EQ(sentence(separate, eval::Outcome::kPassed),
            "PASSED (criteria met). SELF-ATTESTED: every role signed with the same key; no "
            "approvals, no trusted time.");
}

TEST(Uuids, AreTheNamedOnesOfTheStandard) {
  // RFC 4122 tooling: python3 -c 'import uuid; print(uuid.uuid5(uuid.NAMESPACE_URL, ...))'.
  EXPECT_EQ(evidence::UuidV5("https://example.org/"), "527dda32-a0de-5105-a042-cb475b5f7d11");
  EXPECT_EQ(evidence::UuidV5(""), "1b4db7eb-4057-5ddf-91e0-36dec72071f5");
  EXPECT_EQ(evidence::UuidV5(std::string(200, 'x')), "cd3580b9-d244-586a-8077-74317319b48d");
}

void Walk(const Json& value, const std::string& place,
          const std::function<void(const std::string&, const Json&)>& visit) {
  visit(place, value);
  if (value.is_object()) {
    for (const auto& [member, child] : value.items()) Walk(child, place + "/" + member, visit);
  } else if (value.is_array()) {
    for (const Json& child : value) Walk(child, place + "/*", visit);
  }
}

TEST(Oscal, KeepsTheFormatsTrapsInMind) {
  for (const char* catalog : {"iso27001-2022", "hipaa-164"}) {
    evidence::BuildFacts build = SomeBuild();
    build.plan.catalogs = {catalog};
    const Json oscal = Must(evidence::Oscal(build, SomeRelease()));
    std::set<std::string> uuids;
    Walk(oscal, "", [&](const std::string& place, const Json& value) {
      EXPECT_FALSE(value.is_array() && value.empty()) << place;
      EXPECT_FALSE(value.is_string() && value.get<std::string>().empty()) << place;
      if (place.ends_with("/uuid")) {
        const std::string uuid = value.get<std::string>();
        EXPECT_EQ(uuid[14], '5') << uuid;
        EXPECT_TRUE(uuids.insert(uuid).second) << "twice: " << uuid;
      }
      if (place.ends_with("/target-id")) {
        EXPECT_TRUE(value.get<std::string>().starts_with("assize.")) << value;
      }
    });
    // Every reference resolves.
    Walk(oscal, "", [&](const std::string& place, const Json& value) {
      if (place.ends_with("/href") && value.get<std::string>().starts_with("#")) {
        EXPECT_TRUE(uuids.contains(value.get<std::string>().substr(1))) << place << value;
      }
      if (place.ends_with("-uuid")) {
        EXPECT_TRUE(uuids.contains(value.get<std::string>())) << place << value;
      }
    });
    EXPECT_TRUE(evidence::CheckControls(oscal, "oscal").ok());
  }
  evidence::BuildFacts build = SomeBuild();
  build.plan.catalogs = {"iso27001"};
  const auto unknown = evidence::Oscal(build, SomeRelease());
  EXPECT_EQ(unknown.status().code(), StatusCode::kNotFound);
  EXPECT_NE(Message(unknown.status()).find("iso27001-2022"), std::string::npos);
}

TEST(Oscal, DemoKeysAndFailedCriteriaAreNotSatisfied) {
  Recipe bad;
  bad.wrong = 60;
  evidence::ReleaseFacts release = SomeRelease();
  release.signers[0].demo = true;
  const Json oscal = Must(evidence::Oscal(SomeBuild(bad), release));
  std::map<std::string, std::string> state;
  for (const Json& finding : oscal["assessment-results"]["results"][0]["findings"]) {
    state[finding["target"]["target-id"]] = finding["target"]["status"]["state"];
  }
  EXPECT_EQ(state.at("assize.A.8.29.criteria-met"), "not-satisfied");
  EXPECT_EQ(state.at("assize.A.8.24.signed-with-named-keys"), "not-satisfied");
  EXPECT_EQ(state.at("assize.A.8.32.change-linked"), "satisfied");
}

TEST(MlBom, HasTextForEveryMetric) {
  const Json bom = evidence::MlBom(SomeBuild(), SomeRelease());
  const Json& metrics =
      bom["metadata"]["component"]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"];
  EXPECT_GE(metrics.size(), 4u);
  for (const Json& metric : metrics) EXPECT_TRUE(metric["value"].is_string()) << metric;
}

TEST(ReportPage, EscapesEverythingThatCameFromOutside) {
  const std::string evil = "<script>alert(1)</script>\"'&<img src=x onerror=y>";
  evidence::BuildFacts build = SomeBuild();
  build.plan.change = {evil, evil, evil};
  build.plan.source.file.name = evil;
  build.plan.pipeline = evil;
  build.plan.classification = evil;
  build.records[0].pass = evil;
  build.records[0].options = {{evil, evil}};
  build.records[0].check.reason = evil;
  build.splits[0].name = evil;
  build.splits[0].from = evil;
  build.report.criteria[0].criterion.id = evil;
  build.report.criteria[0].verdict.text = evil;
  build.tools[0].name = evil;
  build.limits = {evil};
  build.result.not_executable = {evil};
  const std::string page = evidence::ReportHtml(build, SomeRelease());
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("<img"), std::string::npos);
  EXPECT_NE(page.find("&lt;script&gt;"), std::string::npos);
}

TEST(ReportPage, LoadsAndRunsNothing) {
  const std::string page = evidence::ReportHtml(SomeBuild(), SomeRelease());
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  for (const char* word : {"<script", "javascript:", "<link", "<iframe", "src=", "http://",
                           "https://", "@import", "url(", "style=\""}) {
    EXPECT_EQ(page.find(word), std::string::npos) << word;
  }
  // The only style sheet is the one that the policy names by digest.
  const size_t start = page.find("<style>") + 7;
  const Digest digest = Sha256(std::string_view(page).substr(start, page.find("</style>") - start));
  const std::string hash = trust::Base64Encode(
      std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
  EXPECT_NE(page.find("'sha256-" + hash + "'"), std::string::npos);
  EXPECT_NE(page.find("proves nothing by itself"), std::string::npos);
}

TEST(ReportPage, ShowsTheNumbersOfTheReport) {
  const std::string page = evidence::ReportHtml(SomeBuild(), SomeRelease());
  for (const char* text : {"98.50 % (394/400)", "51.23 MB", "14.32 MB", "−72.0 %", "fuse-conv-bn",
                           "CR-1042", "top1-max-drop", "123,456"}) {
    EXPECT_NE(page.find(text), std::string::npos) << text;
  }
}

TEST(Privacy, PathsAndFileNamesAreTakenOut) {
  const Json recipe = {{"data", {{"test", {{"npz", "/d/Doe_1957.npz"}, {"labels", "y"}}}}},
                       {"note", "Doe_1957.npz"}};
  const std::string text =
      DumpJson(evidence::WithholdPaths(recipe, {{"/d/Doe_1957.npz", HexOf("x")}}));
  EXPECT_EQ(text.find("Doe"), std::string::npos) << text;
  EXPECT_NE(text.find("sha256:" + HexOf("x")), std::string::npos);
  EXPECT_FALSE(evidence::CheckWithheld("see Doe_1957.npz", {"/d/Doe_1957.npz"}, "f").ok());
  EXPECT_TRUE(evidence::CheckWithheld("see the data", {"/d/Doe_1957.npz"}, "f").ok());
}

}  // namespace
}  // namespace assize::testing
