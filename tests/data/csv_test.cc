// CSV: quoting, line ends, and errors that say where.
#include "lib/data/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace assize::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ErrorOf(const std::string& text, const DataLimits& limits = {}) {
  return Message(CsvTable::Parse(text, "t.csv", limits).status());
}

TEST(CsvTable, QuotingLineEndsAndByteOrderMark) {
  const CsvTable table =
      *CsvTable::Parse("\xef\xbb\xbf\"a,b\",c\r\n\"x \"\"y\"\"\n z\",1\r\n,2", "t.csv");
  EXPECT_THAT(table.columns(), ElementsAre("a,b", "c"));
  ASSERT_EQ(table.rows(), 2);
  EXPECT_EQ(table.Field(0, 0), "x \"y\"\n z");
  EXPECT_EQ(table.Field(1, 0), "");
  EXPECT_EQ(table.Field(1, 1), "2");
}

TEST(CsvTable, NumbersAndLabels) {
  const CsvTable table = *CsvTable::Parse("a,b,y\n1.5, 2e3 ,1\n-0.1,+4,0\n", "t.csv");
  const Array numbers = *table.Numbers({"b", "a"});
  EXPECT_EQ(numbers.ToString(), "f32 [2,2]");
  EXPECT_THAT(numbers.As<float>(), ElementsAre(2000, 1.5f, 4, -0.1f));
  EXPECT_THAT(table.Labels("y")->As<int64_t>(), ElementsAre(1, 0));
  EXPECT_EQ(table.Labels("a")->ToString(), "f32 [2]");
  EXPECT_THAT(Message(table.Numbers({"A"}).status()), HasSubstr("it has a, b, y"));
}

TEST(CsvTable, GroupsAreTheSameInEveryFile) {
  const CsvTable one = *CsvTable::Parse("p\nanna\nbert\nanna\n", "1.csv");
  const CsvTable two = *CsvTable::Parse("p\nbert\n", "2.csv");
  const Array array = *one.Groups("p");
  const auto groups = array.As<int64_t>();
  EXPECT_EQ(groups[0], groups[2]);
  EXPECT_NE(groups[0], groups[1]);
  EXPECT_EQ(groups[1], two.Groups("p")->As<int64_t>()[0]);
}

TEST(CsvTable, ErrorsSayWhere) {
  EXPECT_THAT(ErrorOf("a,b\n1,2\n3\n"), HasSubstr("t.csv:3:1: 1 fields, expected 2"));
  EXPECT_THAT(ErrorOf("a,b\n\"1\n"), HasSubstr("not closed"));
  EXPECT_THAT(ErrorOf("a,b\n1,\"2\"3\n"), HasSubstr("t.csv:2:6"));
  EXPECT_THAT(ErrorOf("a,b\n1,2\"3\n"), HasSubstr("t.csv:2:4: a quote inside"));
  EXPECT_THAT(ErrorOf("a,a\n"), HasSubstr("t.csv:1:3: column \"a\" occurs twice"));
  EXPECT_THAT(ErrorOf("a,\n"), HasSubstr("has no name"));
  EXPECT_THAT(ErrorOf(""), HasSubstr("empty"));
  EXPECT_THAT(ErrorOf("a\r1\r"), HasSubstr("carriage return"));
  EXPECT_THAT(ErrorOf(std::string("\xff\xfe"
                                  "a\0",
                                  4)),
              HasSubstr("UTF-16"));
  EXPECT_THAT(ErrorOf(std::string("a\0", 2)), HasSubstr("NUL"));
  EXPECT_THAT(ErrorOf("a\n" + std::string(1'000'000, '1')), HasSubstr("max_csv_field_bytes"));
}

TEST(CsvTable, OnlyFiniteNumbersAreNumbers) {
  for (const char* text :
       {"NaN", "nan", "inf", "-Infinity", "1e999", "0x10", "1,5", "", "1 2", "ja", "+-1", "1e39"}) {
    const CsvTable table = *CsvTable::Parse(fmt::format("a\n7\n\"{}\"\n", text), "t.csv");
    const Status status = table.Numbers({"a"}).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(Message(status), HasSubstr("t.csv:3:1")) << text;
  }
}

}  // namespace
}  // namespace assize::data
