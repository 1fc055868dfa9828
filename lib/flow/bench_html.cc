// The page of `bench`: rounds, shares of kernels, the roofline and every step. It has no script,
// loads nothing, and allows only its own style sheet (by digest). Tests: tests/flow/bench_test.cc.
#include <algorithm>
#include <cmath>

#include "lib/evidence/documents.h"
#include "lib/evidence/html.h"
#include "lib/flow/bench.h"
#include "lib/support/sha256.h"
#include "lib/trust/base64.h"

namespace assize::flow {
namespace {

constexpr char kStyle[] = R"css(
.chart{width:100%;height:auto;margin:.5rem 0}
.chart text{fill:var(--soft);font-size:11px}
.axis{stroke:var(--line);stroke-width:1}
.roof{fill:none;stroke:var(--soft);stroke-width:1.5}
.roof.int{stroke-dasharray:5 3}
.a{fill:var(--accent)}.b{fill:var(--open)}
.point{opacity:.75}
.line{fill:none;stroke-width:1.5}.line.a{stroke:var(--accent);fill:none}.line.b{stroke:var(--open);fill:none}
.bar{width:9rem;height:.8rem}
.key{display:inline-block;width:.8rem;height:.8rem;margin-right:.3rem}
)css";

std::string E(std::string_view text) { return evidence::EscapeHtml(text); }

std::string Micros(double us) {
  return us < 100    ? fmt::format("{:.2f}", us)
         : us < 1000 ? fmt::format("{:.1f}", us)
                     : fmt::format("{:.0f}", us);
}

std::string Header(const std::vector<std::string>& names) {
  std::string html = "<div class=\"scroll\"><table><thead><tr>";
  for (size_t i = 0; i < names.size(); ++i) {
    html += fmt::format("<th scope=\"col\"{}>{}</th>", i == 0 ? "" : " class=\"num\"", names[i]);
  }
  return html + "</tr></thead><tbody>\n";
}

std::string Row(const std::vector<std::string>& cells) {
  std::string html = "<tr><th scope=\"row\">" + cells[0] + "</th>";
  for (size_t i = 1; i < cells.size(); ++i) html += "<td class=\"num\">" + cells[i] + "</td>";
  return html + "</tr>\n";
}

const char* Series(size_t model) { return model == 0 ? "a" : "b"; }

// The median of every round, all models in one picture: drift and outliers show.
std::string RoundsSvg(const BenchResult& result) {
  constexpr double kWidth = 760, kHeight = 180, kLeft = 70, kBottom = 22;
  double most = 0;
  size_t rounds = 1;
  for (const BenchFigures& figures : result.models) {
    for (const double us : figures.rounds_us) most = std::max(most, us);
    rounds = std::max(rounds, figures.rounds_us.size());
  }
  if (most <= 0) most = 1;
  const auto x = [&](size_t round) {
    return kLeft +
           (static_cast<double>(round) + 0.5) / static_cast<double>(rounds) * (kWidth - kLeft - 8);
  };
  const auto y = [&](double us) { return (kHeight - kBottom) * (1 - us / most * 0.94); };
  std::string svg = fmt::format(
      "<svg class=\"chart\" viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"median of each "
      "round, "
      "microseconds\">",
      kWidth, kHeight);
  for (int tick = 0; tick <= 4; ++tick) {
    const double us = most * tick / 4;
    svg += fmt::format(
        "<line class=\"axis\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>"
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{} us</text>",
        kLeft, y(us), kWidth, y(us), kLeft - 6, y(us) + 4, us > 0 ? Micros(us) : "0");
  }
  for (size_t m = 0; m < result.models.size(); ++m) {
    std::string points;
    for (size_t i = 0; i < result.models[m].rounds_us.size(); ++i) {
      const double us = result.models[m].rounds_us[i];
      points += fmt::format("{:.1f},{:.1f} ", x(i), y(us));
      svg += fmt::format("<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/>", Series(m),
                         x(i), y(us));
    }
    svg += fmt::format("<polyline class=\"line {}\" points=\"{}\"/>", Series(m), points);
  }
  svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\">rounds, in order</text></svg>", kLeft,
                     kHeight - 6);
  return svg;
}

// Steps as points: operations per byte against operations a second, below the two roofs, both axes
// logarithmic.
std::string RooflineSvg(const BenchResult& result) {
  constexpr double kWidth = 760, kHeight = 320, kLeft = 70, kBottom = 34;
  const engine::Peaks& peaks = result.peaks;
  // The axes hold the roofs and every point.
  double least_intensity = 0.25, most_intensity = 1024, least_rate = 1e9,
         most_rate = std::max({peaks.flops, peaks.integer_ops, 1e9}) * 1.5;
  struct Point {
    double intensity, rate, share;
    size_t model;
    std::string title;
  };
  std::vector<Point> points;
  for (size_t m = 0; m < result.models.size(); ++m) {
    double total = 0;
    for (const engine::StepProfile& step : result.models[m].profile) total += step.seconds;
    for (const engine::StepProfile& step : result.models[m].profile) {
      if (step.info.operations <= 0 || step.info.bytes <= 0 || step.seconds <= 0) continue;
      Point point;
      point.intensity = step.info.operations / static_cast<double>(step.info.bytes);
      point.rate = step.info.operations * static_cast<double>(step.runs) / step.seconds;
      point.share = total > 0 ? step.seconds / total : 0;
      point.model = m;
      point.title =
          fmt::format("{} ({}): {:.1f} {}, {:.1f} operations a byte, {:.1f} % of the time",
                      step.info.node, step.info.kernel, point.rate / 1e9,
                      step.info.integer ? "GOP/s" : "GFLOP/s", point.intensity, point.share * 100);
      least_intensity = std::min(least_intensity, point.intensity / 1.5);
      most_intensity = std::max(most_intensity, point.intensity * 1.5);
      least_rate = std::min(least_rate, point.rate / 1.5);
      points.push_back(std::move(point));
    }
  }
  const auto x = [&](double intensity) {
    return kLeft + std::log(intensity / least_intensity) /
                       std::log(most_intensity / least_intensity) * (kWidth - kLeft - 8);
  };
  const auto y = [&](double rate) {
    return (kHeight - kBottom) *
           (1 - std::log(rate / least_rate) / std::log(most_rate / least_rate));
  };
  std::string svg = fmt::format(
      "<svg class=\"chart\" viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"roofline: "
      "operations a second "
      "over operations a byte\">",
      kWidth, kHeight);
  for (double rate = std::pow(10, std::ceil(std::log10(least_rate))); rate <= most_rate;
       rate *= 10) {
    svg += fmt::format(
        "<line class=\"axis\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>"
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{:g} G/s</text>",
        kLeft, y(rate), kWidth, y(rate), kLeft - 6, y(rate) + 4, rate / 1e9);
  }
  for (double intensity = std::exp2(std::ceil(std::log2(least_intensity)));
       intensity <= most_intensity / 1.2; intensity *= 4) {
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{:g}</text>",
                       x(intensity), kHeight - kBottom + 14, intensity);
  }
  for (const bool integer : {false, true}) {
    const double peak = integer ? peaks.integer_ops : peaks.flops;
    if (peak <= 0 || peaks.bytes_per_second <= 0) continue;
    // From where memory alone would reach the lowest rate, over the ridge, to the right end.
    const double begin = std::max(least_intensity, least_rate / peaks.bytes_per_second);
    const double ridge = std::clamp(peak / peaks.bytes_per_second, begin, most_intensity);
    svg += fmt::format(
        "<polyline class=\"roof{}\" points=\"{:.1f},{:.1f} {:.1f},{:.1f} {:.1f},{:.1f}\"/>",
        integer ? " int" : "", x(begin), y(std::min(peak, begin * peaks.bytes_per_second)),
        x(ridge), y(std::min(peak, ridge * peaks.bytes_per_second)), x(most_intensity),
        y(std::min(peak, most_intensity * peaks.bytes_per_second)));
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{} {:.0f} {}</text>",
                       kWidth - 4, y(peak) - 4, integer ? "8-bit" : "float", peak / 1e9,
                       integer ? "GOP/s" : "GFLOP/s");
  }
  for (const Point& point : points) {
    svg += fmt::format(
        "<circle class=\"point {}\" cx=\"{:.1f}\" cy=\"{:.1f}\" "
        "r=\"{:.1f}\"><title>{}</title></circle>",
        Series(point.model), x(point.intensity), y(point.rate), 2.5 + 12 * std::sqrt(point.share),
        E(point.title));
  }
  svg +=
      fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\">operations a byte read or written</text></svg>",
                  kLeft, kHeight - 4);
  return svg;
}

std::string Summary(const BenchResult& result) {
  std::string html = Header({"Model", "median us", "95th percentile us", "samples/s",
                             "import, compile, first run ms", "peak memory"});
  for (size_t m = 0; m < result.models.size(); ++m) {
    const BenchFigures& f = result.models[m];
    const double rate = f.median_us > 0 ? static_cast<double>(result.batch) * 1e6 / f.median_us : 0;
    html += Row({fmt::format("<svg class=\"key\" viewBox=\"0 0 12 12\" aria-hidden=\"true\">"
                             "<circle class=\"{}\" cx=\"6\" cy=\"6\" r=\"5\"/></svg>{}",
                             Series(m), E(f.path)),
                 Micros(f.median_us), Micros(f.p95_us), fmt::format("{:.1f}", rate),
                 fmt::format("{:.1f}, {:.1f}, {:.1f}", f.import_ms, f.compile_ms, f.first_run_ms),
                 f.peak_bytes > 0 ? evidence::HumanBytes(f.peak_bytes) : std::string("not known")});
  }
  return html + "</tbody></table></div>";
}

std::string Bar(double share) {
  return fmt::format(
      "<svg class=\"bar\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
      "<rect class=\"track\" width=\"100\" height=\"8\"/><rect class=\"after\" width=\"{:.1f}\" "
      "height=\"8\"/></svg>",
      std::clamp(share, 0.0, 1.0) * 100);
}

// Kernels, then every step in the order of execution.
std::string ProfileSection(const BenchResult& result, const BenchFigures& figures) {
  double total = 0;
  const std::vector<KernelShare> shares = SharesByKernel(figures);
  for (const KernelShare& share : shares) total += share.seconds;
  const auto rate = [&](double operations, double seconds, int64_t bytes, bool integer) {
    std::vector<std::string> cells = {"", ""};
    if (operations > 0 && seconds > 0) {
      cells[0] = fmt::format("{:.1f}", operations / seconds / 1e9);
      const double limit = RooflineLimit(result.peaks, operations, bytes, integer);
      if (limit > 0) cells[1] = fmt::format("{:.0f} %", operations / seconds / limit * 100);
    }
    return cells;
  };
  std::string html = fmt::format("<h3>{}</h3>", E(figures.path));
  html += Header({"Kernel", "steps", "us a run", "share", "", "G(FL)OP/s", "of roofline"});
  for (const KernelShare& share : shares) {
    const double part = total > 0 ? share.seconds / total : 0;
    const auto cells = rate(share.operations, share.seconds, share.bytes, share.integer);
    html += Row({"<code>" + E(share.kernel) + "</code>", fmt::format("{}", share.steps),
                 Micros(share.seconds * 1e6), fmt::format("{:.1f} %", part * 100), Bar(part),
                 cells[0], cells[1]});
  }
  html += "</tbody></table></div>";
  html += Header({"Step", "kernel", "us a run", "share", "", "G(FL)OP/s", "of roofline"});
  const double runs = static_cast<double>(std::max<int64_t>(figures.profile_runs, 1));
  for (const engine::StepProfile& step : figures.profile) {
    const double part = total > 0 ? step.seconds / runs / total : 0;
    const auto cells = rate(step.info.operations * static_cast<double>(step.runs), step.seconds,
                            step.info.bytes * step.runs, step.info.integer);
    html += Row({"<code>" + E(step.info.node) + "</code>",
                 "<code>" + E(step.info.kernel) + "</code>", Micros(step.seconds / runs * 1e6),
                 fmt::format("{:.1f} %", part * 100), Bar(part), cells[0], cells[1]});
  }
  return html + "</tbody></table></div>";
}

}  // namespace

std::string BenchHtml(const BenchResult& result) {
  const std::string style = std::string(evidence::ReportStyle()) + kStyle;
  const Digest digest = Sha256(style);
  const std::string style_hash = trust::Base64Encode(
      std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
  std::string title = "assize bench: " + result.models.front().path;
  if (result.models.size() == 2) title += " against " + result.models.back().path;
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'sha256-{}'; base-uri "
      "'none'; form-action 'none'\">\n<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\">\n"
      "<meta name=\"referrer\" "
      "content=\"no-referrer\">\n<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n"
      "<main>\n",
      style_hash, E(title), style);
  html += fmt::format(
      "<header>\n<h1>{}</h1>\n<p class=\"soft\">batch {}, {} {}, {}; fed with {}: {}</p>\n",
      E(title), result.batch, result.threads, result.threads == 1 ? "thread" : "threads",
      E(result.instruction_set), E(result.feeds),
      E(fmt::format("{}", fmt::join(result.inputs, ", "))));
  if (result.models.size() == 2) {
    html += fmt::format(
        "<p class=\"sentence\">The first is <b>{:.3f}</b> times as fast as the second; their "
        "outputs "
        "differ by {:.1e} of the largest value.</p>\n",
        result.speedup, result.largest_difference);
  }
  html +=
      "</header>\n<section><h2>Times</h2>" + Summary(result) + RoundsSvg(result) + "</section>\n";
  html += fmt::format(
      "<section><h2>Roofline</h2><p class=\"soft small\">Measured here: {:.0f} GFLOP/s, {:.0f} "
      "GOP/s on 8-bit "
      "integers ({}), {:.1f} GB/s from memory. A step that works from the caches may lie above the "
      "slope. The larger a "
      "point, the more time the step takes.</p>{}</section>\n",
      result.peaks.flops / 1e9, result.peaks.integer_ops / 1e9, E(result.peaks.how),
      result.peaks.bytes_per_second / 1e9, RooflineSvg(result));
  html += "<section><h2>Profile</h2>";
  for (const BenchFigures& figures : result.models) html += ProfileSection(result, figures);
  html +=
      "</section>\n<footer>Times are measurements of one machine at one time. They differ from run "
      "to run; a ratio "
      "of two models that took turns differs least.</footer>\n</main>\n</body>\n</html>\n";
  return html;
}

}  // namespace assize::flow
