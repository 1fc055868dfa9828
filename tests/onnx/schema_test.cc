// The field tables against the .proto files themselves: a field that a newer file adds, or a
// number, kind or label that we have wrong, fails here.
#include "lib/onnx/schema.h"

#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "tests/onnx/corpus.h"

namespace assize::onnx {
namespace {

struct Declared {
  std::string name, type;
  bool repeated = false, in_oneof = false;
};
using Fields = std::map<int, Declared>;

// A small reader of .proto text: enough for onnx's own files.
void ReadProto(const std::string& text, std::map<std::string, Fields>& messages) {
  static const std::regex field(R"(^\s*(optional|repeated|)\s*([\w.]+)\s+(\w+)\s*=\s*(\d+)\b.*;)");
  static const std::regex block(R"(^\s*(message|enum|oneof)\s+(\w+)\s*\{)");
  std::istringstream lines(text);
  std::vector<std::pair<std::string, std::string>> stack;  // kind, full name
  std::string line;
  while (std::getline(lines, line)) {
    line = line.substr(0, line.find("//"));
    std::smatch match;
    if (std::regex_search(line, match, block)) {
      std::string name = match[2];
      if (match[1] == "message" && !stack.empty()) name = stack.back().second + "." + name;
      if (match[1] == "oneof") name = stack.back().second;
      stack.emplace_back(match[1], name);
      continue;
    }
    if (line.find('}') != std::string::npos && !stack.empty()) {
      stack.pop_back();
      continue;
    }
    if (stack.empty() || stack.back().first == "enum") continue;
    if (std::regex_search(line, match, field) && match[2] != "reserved") {
      messages[stack.back().second][std::stoi(match[4])] = {
          match[3], match[2], match[1] == "repeated", stack.back().first == "oneof"};
    }
  }
}

TEST(Schema, TablesEqualTheProtoFiles) {
  const std::string folder = std::string(ASSIZE_SOURCE_DIR) + "/.deps/onnx-proto/onnx/";
  std::map<std::string, Fields> declared;
  ReadProto(ReadAll(folder + "onnx-ml.proto"), declared);
  ReadProto(ReadAll(folder + "onnx-data.proto"), declared);
  ASSERT_GE(declared.size(), 31u);
  std::set<std::string> covered;
  for (int i = 0; i <= static_cast<int>(WireMessage::kOptional); ++i) {
    const WireMessage message = static_cast<WireMessage>(i);
    const std::string name(NameOf(message));
    covered.insert(name);
    ASSERT_TRUE(declared.count(name)) << name;
    const Fields& fields = declared[name];
    EXPECT_EQ(fields.size(), FieldsOf(message).size()) << name;
    for (const Field& field : FieldsOf(message)) {
      const auto it = fields.find(field.number);
      ASSERT_NE(it, fields.end()) << name << "." << field.name;
      const Declared& want = it->second;
      EXPECT_EQ(want.name, field.name) << name;
      EXPECT_EQ(want.repeated, field.repeated) << name << "." << field.name;
      EXPECT_EQ(want.in_oneof, field.oneof != 0) << name << "." << field.name;
      switch (field.kind) {
        case FieldKind::kFloat:
          EXPECT_EQ(want.type, "float");
          break;
        case FieldKind::kDouble:
          EXPECT_EQ(want.type, "double");
          break;
        case FieldKind::kBytes:
          EXPECT_EQ(want.type, "bytes");
          break;
        case FieldKind::kName:
        case FieldKind::kText:
          EXPECT_EQ(want.type, "string") << name << "." << field.name;
          break;
        case FieldKind::kMessage: {
          const std::string full(NameOf(field.message));
          const bool ends = full == want.type || full.ends_with("." + want.type);
          EXPECT_TRUE(ends) << name << "." << field.name << ": " << want.type << " is not " << full;
          break;
        }
        case FieldKind::kInt:
          EXPECT_TRUE(want.type == "int32" || want.type == "int64" || want.type == "uint64" ||
                      want.type == "AttributeType" || want.type == "DataLocation")
              << name << "." << field.name << ": " << want.type;
      }
    }
  }
  for (const auto& [name, fields] : declared)
    EXPECT_TRUE(covered.count(name)) << name << " has no table";
}

}  // namespace
}  // namespace assize::onnx
