// A canonical walk over everything an export writes, fed to SHA-256. Tests: tests/ir/hash_test.cc.
#include "lib/ir/hash.h"

#include <bit>

namespace assize::ir {
namespace {

class Hasher {
 public:
  Digest Finish() { return stream_.Finish(); }

  void Add(const Model& m) {
    Tag("model");
    stream_.UpdateInt(m.ir_version);
    Add(m.opset_imports);
    for (const std::string* text : {&m.producer_name, &m.producer_version, &m.domain, &m.doc})
      Add(*text);
    stream_.UpdateInt(m.model_version ? 1 : 0);
    stream_.UpdateInt(m.model_version.value_or(0));
    Add(m.metadata);
    Add(m.unknown_fields);
    Add(m.graph);
    Count(m.functions);
    for (const Function& f : m.functions) {
      for (const std::string* text : {&f.name, &f.domain, &f.overload, &f.doc, &f.unknown_fields})
        Add(*text);
      Add(f.attributes);
      Count(f.attribute_defaults);
      for (const Attribute& a : f.attribute_defaults) Add(a);
      Add(f.opset_imports);
      Add(f.metadata);
      Add(f.body);
    }
  }

  void Add(const Graph& g) {
    Tag("graph");
    Add(g.name());
    Add(g.doc());
    Add(g.metadata());
    Add(g.unknown_fields());
    AddRefs(g, g.inputs());
    AddRefs(g, g.outputs());
    Count(g.initializers());
    for (const ValueRef ref : g.initializers()) {
      const Value& v = g.value(ref);
      stream_.UpdateInt(v.initializer ? 1 : 2);
      if (v.initializer) Add(*v.initializer);
      if (v.sparse_initializer) Add(*v.sparse_initializer);
    }
    Tag("nodes");
    for (NodeRef at = g.first_node(); at; at = g.next_node(at)) {
      const Node& n = g.node(at);
      for (const std::string* text :
           {&n.name, &n.op_type, &n.domain, &n.overload, &n.doc, &n.unknown_fields}) {
        Add(*text);
      }
      Add(n.metadata);
      AddRefs(g, n.inputs);
      AddRefs(g, n.outputs);
      Count(n.attributes);
      for (const Attribute& a : n.attributes) Add(a);
    }
    // What the file says about values, by name: slots do not count.
    Tag("values");
    std::map<std::string_view, const Value*> said;
    for (const ValueRef ref : g.values()) {
      const Value& v = g.value(ref);
      if (v.is_input || v.graph_output_uses > 0 || v.has_value_info) said[v.name] = &v;
    }
    for (const auto& [name, v] : said) {
      stream_.UpdateSized(name);
      stream_.UpdateInt((v->is_input ? 1 : 0) | (v->has_value_info ? 2 : 0));
      Add(v->type);
      Add(v->doc);
      Add(v->metadata);
      Add(v->unknown_fields);
    }
  }

 private:
  void Tag(std::string_view tag) { stream_.UpdateSized(tag); }
  template <typename T>
  void Count(const std::vector<T>& items) {
    stream_.UpdateInt(static_cast<int64_t>(items.size()));
  }
  void Add(const std::string& text) { stream_.UpdateSized(text); }
  void Add(const std::vector<std::string>& texts) {
    Count(texts);
    for (const std::string& text : texts) Add(text);
  }
  void Add(const StringPairs& pairs) {
    Count(pairs);
    for (const auto& [key, value] : pairs) {
      Add(key);
      Add(value);
    }
  }
  void Add(const std::vector<OpsetImport>& imports) {
    Count(imports);
    for (const OpsetImport& import : imports) {
      Add(import.domain);
      stream_.UpdateInt(import.version);
      Add(import.unknown_fields);
    }
  }
  void AddRefs(const Graph& g, const std::vector<ValueRef>& refs) {
    Count(refs);
    for (const ValueRef ref : refs) {
      if (ref) {
        Add(g.value(ref).name);
      } else {
        stream_.UpdateSized("");
      }
    }
  }
  void Add(const Tensor& tensor) {
    const Digest& digest = tensor.digest();
    stream_.Update(std::as_bytes(std::span(digest)));
  }
  void Add(const NamedTensor& t) {
    Add(t.name);
    Add(t.tensor);
    Add(t.doc);
    Add(t.metadata);
    Add(t.unknown_fields);
    Add(t.external_location);
  }
  void Add(const SparseTensor& t) {
    Add(t.name);
    Add(t.values);
    Add(t.indices);
    Count(t.dims);
    for (const int64_t dim : t.dims) stream_.UpdateInt(dim);
  }
  void Add(const Type& type) {
    stream_.UpdateInt(static_cast<int64_t>(type.kind));
    stream_.UpdateInt(static_cast<int64_t>(type.dtype));
    stream_.UpdateInt(type.shape ? static_cast<int64_t>(type.shape->size()) : -1);
    if (type.shape) {
      for (const Dim& dim : *type.shape) {
        stream_.UpdateInt(dim.value ? 1 : 0);
        stream_.UpdateInt(dim.value.value_or(0));
        Add(dim.param);
        Add(dim.denotation);
      }
    }
    for (const std::string* text :
         {&type.denotation, &type.opaque_domain, &type.opaque_name, &type.unknown_fields}) {
      Add(*text);
    }
    stream_.UpdateInt(type.element ? 1 : 0);
    if (type.element) Add(*type.element);
  }
  void Add(const GraphBox& box) { Add(*box); }
  void Add(float value) { stream_.UpdateInt(std::bit_cast<int32_t>(value)); }
  void Add(int64_t value) { stream_.UpdateInt(value); }
  void Add(std::monostate) {}
  template <typename T>
  void Add(const std::vector<T>& items) {
    Count(items);
    for (const T& item : items) Add(item);
  }
  void Add(const Attribute& a) {
    Add(a.name);
    stream_.UpdateInt(a.number());
    Add(a.ref_name);
    Add(a.doc);
    Add(a.unknown_fields);
    std::visit([this](const auto& value) { Add(value); }, a.value);
  }

  Sha256Stream stream_;
};

}  // namespace

Digest StructuralHash(const Model& model) {
  Hasher hasher;
  hasher.Add(model);
  return hasher.Finish();
}

Digest StructuralHash(const Graph& graph) {
  Hasher hasher;
  hasher.Add(graph);
  return hasher.Finish();
}

}  // namespace assize::ir
