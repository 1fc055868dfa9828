// report.html: one page for people. It has no script, loads nothing, and allows only its own style
// sheet (by digest). It proves nothing by itself and says so.
#include <map>
#include <set>

#include "lib/evidence/documents.h"
#include "lib/evidence/html.h"
#include "lib/evidence/types.h"
#include "lib/support/clock.h"
#include "lib/support/sha256.h"
#include "lib/trust/base64.h"

namespace assize::evidence {
namespace {

std::string E(std::string_view text) { return EscapeHtml(text); }

const char* OutcomeClass(eval::Outcome outcome) {
  return outcome == eval::Outcome::kPassed   ? "ok"
         : outcome == eval::Outcome::kFailed ? "bad"
                                             : "open";
}

std::string Badge(eval::Outcome outcome, const char* extra = "") {
  return fmt::format("<span class=\"badge {}{}\">{}</span>", OutcomeClass(outcome), extra,
                     eval::OutcomeName(outcome));
}

std::string Row(const std::string& what, const std::string& before, const std::string& after,
                const std::string& change, const std::string& picture = "") {
  return fmt::format(
      "<tr><th scope=\"row\">{}</th><td class=\"num\">{}</td><td class=\"num\">{}</td>"
      "<td class=\"change\">{}</td><td>{}</td></tr>\n",
      E(what), E(before), E(after), E(change), picture);
}

// "+1.25 points", "−3.0 %"; "same" when nothing is left after rounding.
std::string Signed(double value, int digits, const char* unit) {
  const std::string text = fmt::format("{:.{}f}", std::abs(value), digits);
  if (text.find_first_not_of("0.") == std::string::npos) return "same";
  return fmt::format("{}{}{}", value > 0 ? "+" : "−", text, unit);
}

// "−74.2 %" of the value before.
std::string Change(double before, double after) {
  if (before == 0) return after == 0 ? "same" : "";
  const double change = (after - before) / before * 100;
  return Signed(change, 1, " %");
}

std::string CountRow(const std::string& what, int64_t before, int64_t after) {
  const double b = static_cast<double>(before), a = static_cast<double>(after);
  return Row(what, HumanCount(before), HumanCount(after), Change(b, a), CompareSvg(b, a));
}

int64_t AllBytes(const ModelFacts& model) {
  int64_t bytes = model.file.bytes;
  for (const FileFact& file : model.external) bytes += file.bytes;
  return bytes;
}

std::string Opsets(const ModelFacts& model) {
  std::vector<std::string> parts;
  for (const auto& [domain, version] : model.opsets) {
    parts.push_back(fmt::format("{} {}", domain.empty() ? "ai.onnx" : domain, version));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string RateWithBounds(const eval::Proportion& rate) {
  return fmt::format("{} ({}/{})", HumanRate(rate.value()), HumanCount(rate.k), HumanCount(rate.n));
}

// Points of a hundred, for drops and other differences of rates.
std::string Points(double difference) { return Signed(difference * 100, 2, " points"); }

std::string BeforeAfter(const BuildFacts& build) {
  const ModelFacts& source = build.plan.source;
  const ModelFacts& result = build.result;
  const eval::Report& report = build.report;
  std::string rows;
  const double before = static_cast<double>(AllBytes(source));
  const double after = static_cast<double>(AllBytes(result));
  rows += Row("Size of the files", HumanBytes(AllBytes(source)), HumanBytes(AllBytes(result)),
              Change(before, after), CompareSvg(before, after));
  rows += CountRow("Nodes", source.nodes, result.nodes);
  rows += CountRow("Parameters", source.parameters, result.parameters);
  rows += CountRow("Parameters that are not zero", source.nonzero_parameters,
                   result.nonzero_parameters);
  rows += CountRow(source.macs_complete && result.macs_complete
                       ? "Multiply-accumulates per sample"
                       : "Multiply-accumulates per sample (those with known shapes)",
                   source.macs, result.macs);
  rows += Row("Operator sets", Opsets(source), Opsets(result), "");
  if (report.top1) {
    std::string change;
    if (report.drop) change = Points(-*report.drop);
    rows += Row(
        "Right answers (top-1)", report.source_top1 ? RateWithBounds(*report.source_top1) : "",
        RateWithBounds(*report.top1), change,
        report.source_top1 ? CompareSvg(report.source_top1->value(), report.top1->value()) : "");
  }
  if (report.auc) {
    rows += Row("Area under the ROC curve",
                report.source_auc ? HumanNumber(*report.source_auc) : "", HumanNumber(*report.auc),
                report.source_auc ? Signed(*report.auc - *report.source_auc, 4, "") : "");
  }
  if (report.rmse) {
    rows +=
        Row("Root mean squared error", report.source_rmse ? HumanNumber(*report.source_rmse) : "",
            HumanNumber(*report.rmse),
            report.source_rmse ? Signed(*report.rmse - *report.source_rmse, 4, "") : "");
  }
  if (report.flips) {
    rows += Row("Answers that changed (flips)", "", RateWithBounds(*report.flips),
                fmt::format("{} right to wrong, {} wrong to right", report.right_to_wrong,
                            report.wrong_to_right));
  }
  return "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Property</th>"
         "<th scope=\"col\" class=\"num\">Before</th><th scope=\"col\" class=\"num\">After</th>"
         "<th scope=\"col\" class=\"num\">Change</th><th scope=\"col\">Before / after</th></tr>"
         "</thead><tbody>\n" +
         rows + "</tbody></table></div>";
}

std::string CriteriaSection(const eval::Report& report) {
  std::string html;
  for (const eval::Judged& judged : report.criteria) {
    const eval::Verdict& verdict = judged.verdict;
    const char* comparator = judged.criterion.comparator == eval::Comparator::kAtLeast ? "at least"
                             : judged.criterion.comparator == eval::Comparator::kAtMost
                                 ? "at most"
                                 : "drop of at most";
    html += fmt::format(
        "<div class=\"criterion\"><div class=\"row\"><b>{}</b>{}</div>{}"
        "<p class=\"small\">Wanted: {} <b>{}</b>. Measured: <b>{}</b>, one-sided {:.0f} % bounds "
        "{} and {}, {} samples.</p>",
        E(judged.criterion.id), Badge(verdict.outcome),
        verdict.counts.kind == eval::Counts::Kind::kWithheld ? "" : BoundsSvg(judged), comparator,
        E(HumanValue(judged.criterion, judged.criterion.threshold)),
        E(HumanValue(judged.criterion, verdict.estimate)), judged.criterion.confidence * 100,
        E(HumanValue(judged.criterion, verdict.lower)),
        E(HumanValue(judged.criterion, verdict.upper)), HumanCount(verdict.n));
    if (!verdict.text.empty()) {
      html += fmt::format("<p class=\"small soft\">{}</p>", E(verdict.text));
    }
    html += "</div>\n";
  }
  return html;
}

std::string PassesSection(const BuildFacts& build) {
  if (build.records.empty()) return "<p>No pass ran.</p>";
  std::string rows;
  int number = 0;
  for (const pass::PassRecord& record : build.records) {
    ++number;
    std::vector<std::string> options, statistics;
    for (const auto& [name, value] : record.options) options.push_back(name + " = " + value);
    for (const auto& [name, value] : record.statistics) {
      statistics.push_back(fmt::format("{} {}", name, HumanCount(value)));
    }
    std::string check = record.check.kind;
    if (!record.check.outcome.empty()) check += ": " + record.check.outcome;
    if (!record.check.reason.empty()) check += " (" + record.check.reason + ")";
    rows += fmt::format(
        "<tr><td class=\"num\">{}</td><th scope=\"row\">{}<br><span class=\"small soft\">{}</span>"
        "</th><td>{}<br><span class=\"small soft\">{}</span></td><td class=\"num\">{} → {}</td>"
        "<td class=\"num\">{} → {}</td><td class=\"small\">{}</td><td "
        "class=\"mono\">{}</td></tr>\n",
        number, E(record.pass), E(record.folder), record.changed ? "changed" : "no change",
        E(fmt::format("{}{}{}", fmt::join(options, ", "),
                      options.empty() || statistics.empty() ? "" : "; ",
                      fmt::join(statistics, ", "))),
        HumanCount(record.nodes_before), HumanCount(record.nodes_after),
        HumanBytes(record.bytes_before), HumanBytes(record.bytes_after), E(check),
        Hex(record.output).substr(0, 12));
  }
  return "<div class=\"scroll\"><table><thead><tr><th class=\"num\">#</th><th>Pass</th>"
         "<th>Options and counts</th><th class=\"num\">Nodes</th><th class=\"num\">Weights</th>"
         "<th>Checked</th><th>Result</th></tr></thead><tbody>\n" +
         rows + "</tbody></table></div>";
}

std::string SlicesSection(const eval::Report& report) {
  if (report.slices.empty() && report.slices_not_shown == 0) return "";
  std::string rows;
  for (const eval::ClassSlice& slice : report.slices) {
    rows += fmt::format(
        "<tr><th scope=\"row\">class {}</th><td class=\"num\">{}</td><td class=\"num\">{}</td>"
        "<td class=\"num\">{}</td><td class=\"num\">{} to {}</td><td>{}</td></tr>\n",
        slice.class_index, HumanCount(slice.model.n),
        slice.source ? HumanRate(slice.source->value()) : "", HumanRate(slice.model.value()),
        HumanRate(slice.model.lower), HumanRate(slice.model.upper),
        slice.source ? CompareSvg(slice.source->value(), slice.model.value()) : "");
  }
  std::string html =
      "<section><h2>By class</h2><p class=\"soft small\">Share of each class's samples that is "
      "recognised.</p><div class=\"scroll\"><table><thead><tr><th>Class</th>"
      "<th class=\"num\">Samples</th><th class=\"num\">Before</th><th class=\"num\">After</th>"
      "<th class=\"num\">One-sided bounds</th><th>Before / after</th></tr></thead><tbody>\n" +
      rows + "</tbody></table></div>";
  if (report.slices_not_shown > 0) {
    html += fmt::format(
        "<p class=\"small soft\">{} more {} not shown: fewer than {} samples, or to be worked out "
        "from the others.</p>",
        report.slices_not_shown, report.slices_not_shown == 1 ? "class is" : "classes are",
        eval::kSmallestSlice);
  }
  return html + "</section>\n";
}

std::string DataSection(const BuildFacts& build) {
  std::string rows;
  for (const SplitFacts& split : build.splits) {
    const auto number = [&](const char* member) -> std::string {
      const auto found = split.record.find(member);
      return found != split.record.end() && found->is_number_integer()
                 ? HumanCount(found->get<int64_t>())
                 : "";
    };
    rows += fmt::format(
        "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"num\">{}</td><td class=\"num\">{}</td>"
        "<td class=\"mono\">{}</td></tr>\n",
        E(split.name), E(split.from), HumanCount(split.rows), number("dropped_overlap"),
        E(split.digest));
  }
  return "<div class=\"scroll\"><table><thead><tr><th>Used for</th><th>Data set</th>"
         "<th class=\"num\">Rows</th><th class=\"num\">Dropped: also in evaluation</th>"
         "<th>SHA-256 of the selection</th></tr></thead><tbody>\n" +
         rows + "</tbody></table></div>";
}

std::string SignaturesSection(const ReleaseFacts& release) {
  static const std::map<std::string, const char*> kSigned = {
      {"criteria", "the criteria, before the run"},
      {"builder", "provenance, bill of materials, journal"},
      {"evaluator", "the evaluation and its test result"},
      {"releaser", "the model (if it passed), controls and verdict"}};
  std::string rows;
  for (const SignerFact& signer : release.signers) {
    const auto what = kSigned.find(signer.role);
    rows += fmt::format(
        "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}{}</td><td class=\"mono\">{}</td></tr>\n",
        E(signer.role), what == kSigned.end() ? "" : what->second, E(signer.algorithm),
        signer.demo ? " <span class=\"badge open\">demo key</span>" : "", E(signer.key_id));
  }
  return "<div class=\"scroll\"><table><thead><tr><th>Role</th><th>Signed</th><th>Kind</th>"
         "<th>Key fingerprint (SHA-256 of its PEM)</th></tr></thead><tbody>\n" +
         rows + "</tbody></table></div>";
}

std::string LimitsSection(const BuildFacts& build, const Standing& standing) {
  std::vector<std::string> limits = build.limits;
  limits.push_back(
      "The numbers hold for the evaluation set named above, not for other patients, machines or "
      "times.");
  limits.push_back(
      "They are as honest as the evaluator's key. A gate with --re-evaluate measures them again "
      "on data of your own.");
  limits.push_back(
      "That the criteria came first is shown by the builder's clock and journal. It does not show "
      "that nobody tried the model on these data in private before.");
  if (!standing.trusted_time) {
    limits.push_back("No trusted time: the times on this page are those of the builder's clock.");
  }
  if (standing.approvals == 0)
    limits.push_back("Nobody had approved this release when it was made.");
  if (build.report.groups == 0) {
    limits.push_back(
        "Samples were taken as independent of each other. Several samples of one person would make "
        "the bounds too narrow.");
  }
  if (!build.result.not_executable.empty()) {
    limits.push_back(fmt::format("Operators carried through without being run here: {}.",
                                 fmt::join(build.result.not_executable, ", ")));
  }
  std::string html = "<ul>";
  for (const std::string& limit : limits) html += "<li>" + E(limit) + "</li>\n";
  return html + "</ul>";
}

}  // namespace

std::string ReportHtml(const BuildFacts& build, const ReleaseFacts& release) {
  const PlanFacts& plan = build.plan;
  const eval::Outcome outcome = build.report.outcome;
  Standing standing;
  standing.outcome = outcome;
  standing.signers = release.signers;
  const std::string style(ReportStyle());
  const Digest style_digest = Sha256(style);
  const std::string style_hash = trust::Base64Encode(
      std::string_view(reinterpret_cast<const char*>(style_digest.data()), style_digest.size()));

  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'sha256-{}'; base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"referrer\" content=\"no-referrer\">\n"
      "<title>{} {}: {}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n",
      style_hash, E(plan.name), E(plan.version), eval::OutcomeName(outcome), style);

  html += fmt::format(
      "<header class=\"verdict {}\">\n<div class=\"row\"><h1>{} {}</h1>{}</div>\n"
      "<p class=\"soft\">Made from {} by <code>{}</code></p>\n<p class=\"sentence\">{}</p>\n"
      "<p class=\"warn small\">This page proves nothing by itself: anybody can write one. Check "
      "the "
      "release with <code>assize gate</code>, or by hand as VERIFY.md says, with a key "
      "fingerprint that you obtained elsewhere.</p>\n</header>\n",
      OutcomeClass(outcome), E(plan.name), E(plan.version), Badge(outcome, " big"),
      E(plan.source.file.name), E(plan.pipeline.empty() ? "no pass" : plan.pipeline),
      E(HonestSentence(standing)));

  html += "<section><h2>Before and after</h2>" + BeforeAfter(build) + "</section>\n";
  html += fmt::format(
      "<section><h2>Criteria</h2><p class=\"soft small\">Fixed and signed before the evaluation. A "
      "criterion passes when the whole interval lies on the shaded side of the dashed threshold; "
      "an interval across it means too few samples to decide.</p>{}</section>\n",
      CriteriaSection(build.report));
  html += "<section><h2>What was done</h2>" + PassesSection(build) + "</section>\n";
  html += SlicesSection(build.report);
  html += "<section><h2>Data</h2>" + DataSection(build) +
          "<p class=\"small soft\">Classification: " + E(plan.classification) +
          ". This record holds counts and digests only: no rows, no file names, no group under 11 "
          "samples.</p></section>\n";
  html += fmt::format(
      "<section><h2>Change</h2><dl><dt>Ticket</dt><dd>{}</dd><dt>Requested by</dt><dd>{}</dd>"
      "<dt>Reason</dt><dd>{}</dd></dl></section>\n",
      E(plan.change.ticket.empty() ? "not given" : plan.change.ticket),
      E(plan.change.requester.empty() ? "not given" : plan.change.requester),
      E(plan.change.reason.empty() ? "not given" : plan.change.reason));
  html += "<section><h2>Signatures</h2>" + SignaturesSection(release) + "</section>\n";
  html +=
      "<section><h2>What this does not show</h2>" + LimitsSection(build, standing) + "</section>\n";

  std::vector<std::string> tools;
  for (const ToolFact& tool : build.tools) tools.push_back(tool.name + " " + tool.version);
  html += fmt::format(
      "<section><h2>Identity</h2><dl><dt>Model file</dt><dd><code>{}</code></dd>"
      "<dt>File listing</dt><dd><code>{}</code></dd><dt>Source model</dt><dd><code>{}</code></dd>"
      "<dt>Criteria</dt><dd><code>{}</code>, signed {}</dd><dt>Evaluated</dt><dd>{}</dd>"
      "<dt>Journal line</dt><dd><code>{}</code></dd><dt>Made with</dt><dd>{}; instruction set "
      "{}</dd></dl></section>\n",
      E(build.result.file.sha256), E(release.listing_sha256), E(plan.source.file.sha256),
      E(release.criteria_bundle_sha256), Rfc3339(release.criteria_signed_at),
      Rfc3339(build.evaluated_at), E(release.journal_entry_sha256),
      E(fmt::format("{}", fmt::join(tools, ", "))), E(build.instruction_set));
  html +=
      "<footer>Confidence bounds are one-sided; formulas and test vectors are part of the "
      "program's documentation.</footer>\n</main>\n</body>\n</html>\n";
  return html;
}

}  // namespace assize::evidence
