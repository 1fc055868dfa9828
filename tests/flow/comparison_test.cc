// The before/after table: the rows a reader decides by, word for word.
#include "lib/flow/comparison.h"

#include "tests/flow/flow_testing.h"

namespace assize::flow {
namespace {

Comparison Sample() {
  Comparison c;
  c.before.file = {"a.onnx", "aa", 1234567};
  c.before.weight_bytes = 1000000;
  c.before.nodes = 12;
  c.before.macs = c.after.macs = 4032;
  c.before.nonzero_parameters = 250000;
  c.before.opsets = {{"ai.onnx", 13}};
  c.after = c.before;
  c.after.file = {"b.onnx", "bb", 300000};
  c.after.external = {{"w.bin", "cc", 8641}};
  c.after.weight_bytes = 250000;
  c.after.nodes = 15;
  return c;
}

TEST(Comparison, TheTable) {
  // External data counts as part of the file.
  EXPECT_EQ(Sample().ToText(),
            "                             before            after           \n"
            "  file bytes              1,234,567          308,641    -75.0 %\n"
            "  weight bytes            1,000,000          250,000    -75.0 %\n"
            "  nodes                          12               15    +25.0 %\n"
            "  MACs per row                4,032            4,032       same\n"
            "  nonzero weights           250,000          250,000       same\n"
            "  opset                          13               13           \n");
}

TEST(Comparison, UnknownMacsAreNotShownAsANumber) {
  Comparison c = Sample();
  c.after.macs_complete = false;
  EXPECT_EQ(c.ToText().find("MACs"), std::string::npos);
  EXPECT_EQ(c.ToJson().at("after").at("macs"), nullptr);
  EXPECT_EQ(c.ToJson().at("before").at("macs"), 4032);
}

TEST(Comparison, AccuracyStandsWithItsBoundAndTheFlips) {
  Comparison c = Sample();
  eval::Observations observations;
  eval::Outputs& model = observations.model;
  model.rows = 100;
  model.width = 2;
  for (int i = 0; i < 100; ++i) {
    // Class 1 for all but the first three.
    model.values.push_back(i < 3 ? 1.0F : 0.0F);
    model.values.push_back(i < 3 ? 0.0F : 1.0F);
    observations.labels.push_back(1);
  }
  observations.source = model;
  for (int i = 0; i < 3; ++i)
    std::swap(observations.source->values[2 * i], observations.source->values[2 * i + 1]);
  c.report = Must(eval::Evaluate({}, observations, {0}));
  const std::string text = c.ToText();
  EXPECT_THAT(text, HasSubstr("  top-1                    100.00 %          97.00 %      -3.00\n"));
  EXPECT_THAT(text, HasSubstr("97 of 100; 95 % bounds 92.4"));
  EXPECT_THAT(text, HasSubstr("3 of 100 answers changed; at most 7.57 % (95 % bound)"));
  EXPECT_EQ(c.ToJson().at("report").at("n"), 100);
  EXPECT_EQ(Sample().ToJson().at("report"), nullptr);
}

}  // namespace
}  // namespace assize::flow
