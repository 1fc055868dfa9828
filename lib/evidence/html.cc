// Numbers, pictures and style of the report page.
#include "lib/evidence/html.h"

#include <algorithm>
#include <cmath>

#include "lib/evidence/documents.h"

namespace assize::evidence {
namespace {

bool IsRate(eval::Metric metric) {
  return metric != eval::Metric::kAuc && metric != eval::Metric::kRmse &&
         metric != eval::Metric::kLogitNoise;
}

}  // namespace

std::string EscapeHtml(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          out += c == '\n' || c == '\t' ? std::string(1, c) : "\xef\xbf\xbd";
        } else {
          out += c;
        }
    }
  }
  return out;
}

std::string HumanBytes(int64_t bytes) {
  const char* units[] = {"B", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < std::size(units)) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.2f} {}", value, units[unit]);
}

std::string HumanCount(int64_t count) {
  std::string digits = fmt::format("{}", count);
  for (size_t at = digits.size(); at > 3 + (count < 0 ? 1u : 0u);) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string HumanRate(double value) { return fmt::format("{:.2f} %", value * 100); }

std::string HumanNumber(double value) {
  if (value != 0 && std::abs(value) < 1e-3) return fmt::format("{:.2e}", value);
  return fmt::format("{:.4f}", value);
}

std::string HumanValue(const eval::Criterion& criterion, double value) {
  return IsRate(criterion.metric) ? HumanRate(value) : HumanNumber(value);
}

std::string BoundsSvg(const eval::Judged& judged) {
  const eval::Verdict& verdict = judged.verdict;
  const double threshold = judged.criterion.threshold;
  double low = std::min({verdict.lower, verdict.estimate, threshold});
  double high = std::max({verdict.upper, verdict.estimate, threshold});
  const double margin = std::max((high - low) * 0.18, 1e-9);
  low -= margin;
  high += margin;
  const double width = 320;
  const auto x = [&](double value) {
    return std::clamp((value - low) / (high - low), 0.0, 1.0) * width;
  };
  const bool upward = judged.criterion.comparator == eval::Comparator::kAtLeast;
  const double edge = x(threshold);
  const char* outcome = verdict.outcome == eval::Outcome::kPassed   ? "ok"
                        : verdict.outcome == eval::Outcome::kFailed ? "bad"
                                                                    : "open";
  std::string svg = fmt::format(
      "<svg class=\"bounds\" viewBox=\"0 0 320 30\" role=\"img\" aria-label=\"bounds {} to {}, "
      "threshold {}\">",
      HumanValue(judged.criterion, verdict.lower), HumanValue(judged.criterion, verdict.upper),
      HumanValue(judged.criterion, threshold));
  svg += "<rect class=\"track\" x=\"0\" y=\"5\" width=\"320\" height=\"20\" rx=\"3\"/>";
  svg += fmt::format(
      "<rect class=\"zone\" x=\"{:.1f}\" y=\"5\" width=\"{:.1f}\" height=\"20\" rx=\"3\"/>",
      upward ? edge : 0.0, upward ? width - edge : edge);
  svg += fmt::format("<line class=\"whisker {}\" x1=\"{:.1f}\" y1=\"15\" x2=\"{:.1f}\" y2=\"15\"/>",
                     outcome, x(verdict.lower), x(verdict.upper));
  for (double bound : {verdict.lower, verdict.upper}) {
    svg +=
        fmt::format("<line class=\"whisker {}\" x1=\"{:.1f}\" y1=\"10\" x2=\"{:.1f}\" y2=\"20\"/>",
                    outcome, x(bound), x(bound));
  }
  svg += fmt::format("<circle class=\"dot {}\" cx=\"{:.1f}\" cy=\"15\" r=\"4\"/>", outcome,
                     x(verdict.estimate));
  svg += fmt::format(
      "<line class=\"threshold\" x1=\"{:.1f}\" y1=\"1\" x2=\"{:.1f}\" y2=\"29\"/></svg>", edge,
      edge);
  return svg;
}

std::string CompareSvg(double before, double after) {
  const double largest = std::max({before, after, 1e-12});
  return fmt::format(
      "<svg class=\"pair\" viewBox=\"0 0 120 16\" aria-hidden=\"true\">"
      "<rect class=\"before\" x=\"0\" y=\"1\" width=\"{:.1f}\" height=\"6\" rx=\"1\"/>"
      "<rect class=\"after\" x=\"0\" y=\"9\" width=\"{:.1f}\" height=\"6\" rx=\"1\"/></svg>",
      std::max(0.0, before) / largest * 120, std::max(0.0, after) / largest * 120);
}

std::string_view ReportStyle() {
  return R"css(
:root{--ink:#1b2430;--soft:#5c6878;--line:#dfe4ea;--paper:#fff;--page:#f4f6f8;--ok:#1a7f4e;--okbg:#e6f4ec;--bad:#b3261e;--badbg:#fbeae9;--open:#8a6100;--openbg:#fdf3da;--accent:#2f5d9b;--zone:#d6ecdf;--track:#eef1f4}
@media (prefers-color-scheme:dark){:root{--ink:#e4e9ef;--soft:#9aa7b5;--line:#313b46;--paper:#1a2129;--page:#12171d;--ok:#5cc991;--okbg:#16332a;--bad:#ff8a80;--badbg:#3a1d1c;--open:#f0c35a;--openbg:#352c14;--accent:#8ab4f0;--zone:#1f4333;--track:#26303a}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1.12rem;margin:0 0 .75rem}
h3{font-size:1rem;margin:1.25rem 0 .4rem}
p{margin:.4rem 0}
section,header{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:1.25rem 1.4rem;margin:0 0 1rem}
.soft{color:var(--soft)}
.small{font-size:.86rem}
.verdict{border-left:8px solid var(--soft)}
.verdict.ok{border-left-color:var(--ok)}
.verdict.bad{border-left-color:var(--bad)}
.verdict.open{border-left-color:var(--open)}
.badge{display:inline-block;padding:.12rem .6rem;border-radius:99px;font-weight:600;font-size:.82rem;letter-spacing:.02em;white-space:nowrap}
.badge.ok{background:var(--okbg);color:var(--ok)}
.badge.bad{background:var(--badbg);color:var(--bad)}
.badge.open{background:var(--openbg);color:var(--open)}
.big{font-size:1.05rem;padding:.25rem .9rem}
.sentence{font-size:1.05rem;margin:.8rem 0 .2rem}
.warn{background:var(--openbg);border-radius:8px;padding:.6rem .8rem;margin:.8rem 0 0}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.42rem .7rem .42rem 0;border-bottom:1px solid var(--line);vertical-align:top}
thead th{font-size:.8rem;color:var(--soft);font-weight:600;border-bottom-width:2px}
tbody tr:last-child th,tbody tr:last-child td{border-bottom:0}
tbody th{font-weight:500;min-width:8rem}
td.mono{min-width:15rem}
.num{text-align:right;white-space:nowrap}
.change{text-align:right;max-width:12rem}
.criterion{padding:.8rem 0;border-bottom:1px solid var(--line)}
.criterion:last-of-type{border-bottom:0}
.row{display:flex;gap:.6rem;justify-content:space-between;align-items:baseline;flex-wrap:wrap}
.row b{overflow-wrap:anywhere}
svg{display:block}
.bounds{width:100%;max-width:46rem;height:auto;margin:.35rem 0}
.pair{width:7.5rem;height:1rem}
.track{fill:var(--track)}
.zone{fill:var(--zone)}
.threshold{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:3 2}
.whisker{stroke-width:2.5}
.whisker.ok{stroke:var(--ok)}.whisker.bad{stroke:var(--bad)}.whisker.open{stroke:var(--open)}
.dot.ok{fill:var(--ok)}.dot.bad{fill:var(--bad)}.dot.open{fill:var(--open)}
.before{fill:var(--soft);opacity:.55}
.after{fill:var(--accent)}
code,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.84em;overflow-wrap:anywhere}
ol,ul{margin:.4rem 0;padding-left:1.3rem}
li{margin:.25rem 0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1.2rem;margin:.4rem 0}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
footer{color:var(--soft);font-size:.86rem;padding:0 .3rem}
@media (max-width:36rem){section,header{padding:1rem}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}h1{font-size:1.3rem}}
@media print{:root{--page:#fff;--paper:#fff;--ink:#000;--soft:#444}body{font-size:10.5pt}main{max-width:none;padding:0}section,header{border:0;border-bottom:1px solid #bbb;border-radius:0;padding:.6rem 0;break-inside:auto}.criterion,tr{break-inside:avoid}}
)css";
}

}  // namespace assize::evidence
