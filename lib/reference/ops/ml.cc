// Ops of ai.onnx.ml on tensors: ArrayFeatureExtractor, Binarizer, FeatureVectorizer, Imputer,
// LabelEncoder, LinearRegressor, Normalizer, OneHotEncoder, Scaler, TreeEnsemble.
//
// The ops on maps (CastMap, DictVectorizer, ZipMap), support vector machines, and the attribute
// forms of linear and tree classifiers are not evaluated.
// Tests: tests/reference/robustness_test.cc, tests/conformance/.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "lib/reference/ops/common.h"

namespace assize::reference {
namespace {

// Columns `indices` of the last dim; a vector counts as one row.
Status ArrayFeatureExtractor(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const std::vector<int64_t> indices, ctx.IntsIn(1, "indices"));
  if (x.rank() < 1) return InvalidArgument("x is a scalar");
  const int64_t columns = x.dims().back(), rows = Product(x.dims(), 0, x.dims().size() - 1);
  ir::Shape dims = x.rank() == 1 ? ir::Shape{1, 0} : x.dims();
  dims.back() = static_cast<int64_t>(indices.size());
  AZ_RETURN_IF_ERROR(ctx.Plan(x.dtype(), dims).status());
  std::vector<int64_t> at;
  for (int64_t row = 0; row < rows; ++row) {
    for (const int64_t index : indices) {
      if (index < 0 || index >= columns)
        return OutOfRange("index {} of {} columns", index, columns);
      at.push_back(row * columns + index);
    }
  }
  ctx.Set(0, Select(x, dims, at));
  return OkStatus();
}

// An elementwise function of value and column that keeps the type, or gives float.
template <typename F>
Status MapColumns(OpContext& ctx, ir::DType to, F f) {
  const ir::Tensor& x = ctx.in(0);
  AZ_RETURN_IF_ERROR(ctx.Plan(to, x.dims()).status());
  std::vector<double> values = Reals(x);
  const size_t columns =
      x.rank() < 1 ? 1 : static_cast<size_t>(std::max<int64_t>(1, x.dims().back()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = f(values[i], i % columns);
  ctx.Set(0, FromReals(to, x.dims(), values));
  return OkStatus();
}

Status CheckColumns(const OpContext& ctx, const char* name, size_t count) {
  const ir::Tensor& x = ctx.in(0);
  const int64_t columns = x.rank() < 1 ? 1 : x.dims().back();
  if (count <= 1 || static_cast<int64_t>(count) == columns) return OkStatus();
  return InvalidArgument("attribute \"{}\" has {} values for the {} columns of x", name, count,
                         columns);
}

double Pick(const std::vector<double>& values, size_t column, double fallback) {
  return values.empty() ? fallback : values[values.size() == 1 ? 0 : column];
}

Status Binarizer(OpContext& ctx) {
  const double threshold = ctx.Float("threshold", 0);
  return MapColumns(ctx, ctx.in(0).dtype(),
                    [=](double x, size_t) { return x > threshold ? 1.0 : 0.0; });
}

Status Scaler(OpContext& ctx) {
  const std::vector<double> offset = ctx.Floats("offset"), scale = ctx.Floats("scale");
  AZ_RETURN_IF_ERROR(CheckColumns(ctx, "offset", offset.size()));
  AZ_RETURN_IF_ERROR(CheckColumns(ctx, "scale", scale.size()));
  return MapColumns(ctx, ir::DType::kFloat, [&](double x, size_t c) {
    return (x - Pick(offset, c, 0)) * Pick(scale, c, 1);
  });
}

Status Imputer(OpContext& ctx) {
  const bool real = ir::IsFloating(ctx.in(0).dtype());
  std::vector<double> with = ctx.Floats("imputed_value_floats");
  double replaced = ctx.Float("replaced_value_float", 0);
  if (!real) {
    with.clear();
    for (const int64_t value : ctx.Ints("imputed_value_int64s"))
      with.push_back(static_cast<double>(value));
    replaced = static_cast<double>(ctx.Int("replaced_value_int64", 0));
  }
  if (with.empty())
    return InvalidArgument("no imputed values are given for {}", ctx.in(0).TypeText());
  AZ_RETURN_IF_ERROR(CheckColumns(ctx, "imputed_value", with.size()));
  return MapColumns(ctx, ctx.in(0).dtype(), [&](double x, size_t c) {
    const bool missing = std::isnan(replaced) ? std::isnan(x) : x == replaced;
    return missing ? Pick(with, c, 0) : x;
  });
}

Status Normalizer(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  const std::string norm = ctx.String("norm", "MAX");
  if (norm != "MAX" && norm != "L1" && norm != "L2")
    return InvalidArgument("attribute \"norm\" is \"{}\"", norm);
  if (x.rank() < 1 || x.rank() > 2)
    return InvalidArgument("x is {}, expected [C] or [N, C]", x.TypeText());
  AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kFloat, x.dims()).status());
  std::vector<double> values = Reals(x);
  const auto columns = static_cast<size_t>(x.dims().back());
  for (size_t row = 0; row + columns <= values.size() && columns > 0; row += columns) {
    double size = 0;
    for (size_t c = 0; c < columns; ++c) {
      const double v = std::fabs(values[row + c]);
      size = norm == "MAX" ? std::max(size, v) : size + (norm == "L2" ? v * v : v);
    }
    if (norm == "L2") size = std::sqrt(size);
    for (size_t c = 0; size != 0 && c < columns; ++c) values[row + c] /= size;
  }
  ctx.Set(0, FromReals(ir::DType::kFloat, x.dims(), values));
  return OkStatus();
}

// Inputs side by side along the last dim, as float.
Status FeatureVectorizer(OpContext& ctx) {
  int64_t rows = -1, columns = 0;
  std::vector<std::vector<double>> parts;
  std::vector<int64_t> widths;
  for (size_t i = 0; ctx.has(i); ++i) {
    const ir::Tensor& x = ctx.in(i);
    const int64_t own = x.rank() == 2 ? x.dims()[0] : 1;
    if (x.rank() < 1 || x.rank() > 2 || (rows >= 0 && own != rows)) {
      return InvalidArgument("input {} is {}, expected [C] or [{}, C]", i, x.TypeText(),
                             std::max<int64_t>(rows, 0));
    }
    rows = own;
    widths.push_back(x.dims().back());
    columns += x.dims().back();
    parts.push_back(Reals(x));
  }
  AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kFloat, {rows, columns}).status());
  std::vector<double> out;
  for (int64_t row = 0; row < rows; ++row) {
    for (size_t i = 0; i < parts.size(); ++i) {
      const auto from = parts[i].begin() + row * widths[i];
      out.insert(out.end(), from, from + widths[i]);
    }
  }
  ctx.Set(0, FromReals(ir::DType::kFloat, {rows, columns}, out));
  return OkStatus();
}

// One column a category, in the order of the attribute; an unknown value is an error unless
// `zeros`.
Status OneHotEncoder(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  const std::vector<std::string> names = ctx.Strings("cats_strings");
  const std::vector<int64_t> numbers = ctx.Ints("cats_int64s");
  const bool strings = x.dtype() == ir::DType::kString;
  if (!strings && !IsNumeric(x.dtype())) return InvalidArgument("x is {}", x.TypeText());
  const auto count = static_cast<int64_t>(strings ? names.size() : numbers.size());
  ir::Shape dims = x.dims();
  dims.push_back(count);
  AZ_ASSIGN_OR_RETURN(const int64_t total, ctx.Plan(ir::DType::kFloat, dims));
  std::vector<double> out(static_cast<size_t>(total));
  const std::vector<int64_t> values = strings ? std::vector<int64_t>() : Ints(x);
  for (int64_t i = 0; i < x.element_count(); ++i) {
    const auto at = static_cast<size_t>(i);
    const int64_t hot =
        strings ? std::find(names.begin(), names.end(), x.strings()[at]) - names.begin()
                : std::find(numbers.begin(), numbers.end(), values[at]) - numbers.begin();
    if (hot < count) {
      out[static_cast<size_t>(i * count + hot)] = 1;
    } else if (ctx.Int("zeros", 1) == 0) {
      return InvalidArgument("element {} is none of the {} categories", i, count);
    }
  }
  ctx.Set(0, FromReals(ir::DType::kFloat, dims, out));
  return OkStatus();
}

Status LinearRegressor(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  const int64_t targets = ctx.Int("targets", 1);
  const std::vector<double> coefficients = ctx.Floats("coefficients"),
                            intercepts = ctx.Floats("intercepts");
  if (ctx.String("post_transform", "NONE") != "NONE")
    return Unimplemented("post_transform other than NONE");
  if (x.rank() < 1 || x.rank() > 2 || targets < 1)
    return InvalidArgument("x is {} for {} targets", x.TypeText(), targets);
  const int64_t columns = x.dims().back(), rows = x.rank() == 2 ? x.dims()[0] : 1;
  const auto needed = CheckedMul(targets, columns);
  if (!needed || static_cast<int64_t>(coefficients.size()) != *needed ||
      (!intercepts.empty() && static_cast<int64_t>(intercepts.size()) != targets)) {
    return InvalidArgument("{} coefficients and {} intercepts for {} targets of {} columns",
                           coefficients.size(), intercepts.size(), targets, columns);
  }
  AZ_RETURN_IF_ERROR(ctx.Plan(ir::DType::kFloat, {rows, targets}).status());
  const std::vector<double> values = Reals(x);
  std::vector<double> out;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t t = 0; t < targets; ++t) {
      double sum = intercepts.empty() ? 0 : intercepts[static_cast<size_t>(t)];
      for (int64_t c = 0; c < columns; ++c) {
        sum += values[static_cast<size_t>(row * columns + c)] *
               coefficients[static_cast<size_t>(t * columns + c)];
      }
      out.push_back(sum);
    }
  }
  ctx.Set(0, FromReals(ir::DType::kFloat, {rows, targets}, out));
  return OkStatus();
}

// The keys or values of a LabelEncoder: the attribute that is set, as one tensor. `fallback`
// likewise.
StatusOr<ir::Tensor> ListOf(const OpContext& ctx, const std::string& prefix) {
  if (const ir::Tensor* tensor = ctx.TensorAttribute(prefix + "_tensor")) return *tensor;
  if (ctx.HasAttribute(prefix + "_strings")) {
    std::vector<std::string> list = ctx.Strings(prefix + "_strings");
    const auto count = static_cast<int64_t>(list.size());
    return ir::Tensor::Strings({count}, std::move(list));
  }
  if (ctx.HasAttribute(prefix + "_int64s")) {
    const std::vector<int64_t> list = ctx.Ints(prefix + "_int64s");
    return ir::Tensor::Of<int64_t>({static_cast<int64_t>(list.size())}, list);
  }
  if (ctx.HasAttribute(prefix + "_floats")) {
    const std::vector<double> list = ctx.Floats(prefix + "_floats");
    return FromReals(ir::DType::kFloat, {static_cast<int64_t>(list.size())}, list);
  }
  return InvalidArgument("no attribute {}_tensor, _strings, _int64s or _floats is set", prefix);
}

StatusOr<ir::Tensor> DefaultOf(const OpContext& ctx, ir::DType dtype) {
  if (const ir::Tensor* tensor = ctx.TensorAttribute("default_tensor")) {
    if (tensor->dtype() == dtype && tensor->element_count() == 1) return *tensor;
    return InvalidArgument("default_tensor is {}, expected one {}", tensor->TypeText(),
                           ir::NameOf(dtype));
  }
  if (dtype == ir::DType::kString)
    return ir::Tensor::Strings({}, {ctx.String("default_string", "_Unused")});
  if (ir::IsFloating(dtype))
    return FromReals(dtype, {}, std::vector<double>{ctx.Float("default_float", 0)});
  return FromInts(dtype, {}, std::vector<int64_t>{ctx.Int("default_int64", -1)});
}

Status LabelEncoder(OpContext& ctx) {
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const ir::Tensor keys, ListOf(ctx, "keys"));
  AZ_ASSIGN_OR_RETURN(const ir::Tensor values, ListOf(ctx, "values"));
  if (keys.dtype() != x.dtype() || keys.element_count() != values.element_count() ||
      (x.dtype() != ir::DType::kString && !IsNumeric(x.dtype()))) {
    return InvalidArgument("x {}, keys {}, values {}", x.TypeText(), keys.TypeText(),
                           values.TypeText());
  }
  AZ_ASSIGN_OR_RETURN(const ir::Tensor fallback, DefaultOf(ctx, values.dtype()));
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(values.dtype(), x.dims()));
  std::vector<int64_t> at(static_cast<size_t>(count), -1);
  const auto look_up = [&](const auto& list, const auto& wanted) {
    for (size_t i = 0; i < at.size(); ++i) {
      for (size_t k = 0; k < list.size(); ++k) {
        if (list[k] == wanted[i] ||
            (list[k] != list[k] && wanted[i] != wanted[i])) {  // NaN finds NaN
          at[i] = static_cast<int64_t>(k);
          break;
        }
      }
    }
  };
  if (x.dtype() == ir::DType::kString) {
    look_up(keys.strings(), x.strings());
  } else if (ir::IsFloating(x.dtype())) {
    look_up(Reals(keys), Reals(x));
  } else {
    look_up(Ints(keys), Ints(x));
  }
  ctx.Set(0, Select(values, x.dims(), at, &fallback));
  return OkStatus();
}

// Nodes in parallel lists; a node's true and false branch name a node or, with the leaf flag, a
// leaf.
struct Trees {
  std::vector<int64_t> roots, features, modes, true_ids, false_ids, true_leaf, false_leaf, missing,
      leaf_targets;
  std::vector<double> splits, leaf_weights;
  std::vector<std::vector<double>> members;  // of each node of mode 6

  bool Goes(size_t node, double x) const {
    if (std::isnan(x)) return !missing.empty() && missing[node] != 0;
    const double split = splits[node];
    switch (modes[node]) {
      case 0:
        return x <= split;
      case 1:
        return x < split;
      case 2:
        return x >= split;
      case 3:
        return x > split;
      case 4:
        return x == split;
      case 5:
        return x != split;
      default:
        return std::find(members[node].begin(), members[node].end(), x) != members[node].end();
    }
  }
};

StatusOr<Trees> TreesOf(const OpContext& ctx) {
  Trees t;
  t.roots = ctx.Ints("tree_roots");
  t.features = ctx.Ints("nodes_featureids");
  t.true_ids = ctx.Ints("nodes_truenodeids");
  t.false_ids = ctx.Ints("nodes_falsenodeids");
  t.true_leaf = ctx.Ints("nodes_trueleafs");
  t.false_leaf = ctx.Ints("nodes_falseleafs");
  t.missing = ctx.Ints("nodes_missing_value_tracks_true");
  t.leaf_targets = ctx.Ints("leaf_targetids");
  const ir::Tensor *splits = ctx.TensorAttribute("nodes_splits"),
                   *modes = ctx.TensorAttribute("nodes_modes");
  const ir::Tensor* weights = ctx.TensorAttribute("leaf_weights");
  for (const ir::Tensor* tensor : {splits, modes, weights}) {
    if (tensor == nullptr || !IsNumeric(tensor->dtype()))
      return InvalidArgument("nodes_splits, nodes_modes and leaf_weights are expected");
  }
  t.splits = Reals(*splits);
  t.modes = Ints(*modes);
  t.leaf_weights = Reals(*weights);
  const size_t nodes = t.splits.size(), leaves = t.leaf_weights.size();
  for (const size_t size :
       {t.modes.size(), t.features.size(), t.true_ids.size(), t.false_ids.size(),
        t.true_leaf.size(), t.false_leaf.size(), t.missing.empty() ? nodes : t.missing.size()}) {
    if (size != nodes)
      return InvalidArgument("a list of nodes has {} entries, nodes_splits has {}", size, nodes);
  }
  if (t.leaf_targets.size() != leaves)
    return InvalidArgument("{} leaf targets for {} weights", t.leaf_targets.size(), leaves);
  const auto inside = [](int64_t id, size_t size) {
    return id >= 0 && static_cast<size_t>(id) < size;
  };
  t.members.resize(nodes);
  std::vector<double> values;
  if (const ir::Tensor* list = ctx.TensorAttribute("membership_values")) {
    if (IsNumeric(list->dtype())) values = Reals(*list);
  }
  size_t next = 0;
  for (size_t n = 0; n < nodes; ++n) {
    if (!inside(t.true_ids[n], t.true_leaf[n] != 0 ? leaves : nodes) ||
        !inside(t.false_ids[n], t.false_leaf[n] != 0 ? leaves : nodes) || t.modes[n] < 0 ||
        t.modes[n] > 6) {
      return InvalidArgument("node {} names a branch or mode that does not exist", n);
    }
    if (t.modes[n] != 6) continue;
    while (next < values.size() && !std::isnan(values[next]))
      t.members[n].push_back(values[next++]);
    ++next;  // the NaN that ends a set
  }
  for (const int64_t root : t.roots) {
    if (!inside(root, nodes)) return InvalidArgument("tree root {} of {} nodes", root, nodes);
  }
  return t;
}

Status TreeEnsemble(OpContext& ctx) {
  AZ_RETURN_IF_ERROR(NeedFloat(ctx, 0));
  const ir::Tensor& x = ctx.in(0);
  AZ_ASSIGN_OR_RETURN(const Trees trees, TreesOf(ctx));
  const int64_t targets = ctx.Int("n_targets", 1), aggregate = ctx.Int("aggregate_function", 1);
  if (x.rank() != 2 || targets < 1 || aggregate < 0 || aggregate > 3) {
    return InvalidArgument("x {}, {} targets, aggregate_function {}", x.TypeText(), targets,
                           aggregate);
  }
  if (ctx.Int("post_transform", 0) != 0) return Unimplemented("post_transform other than NONE");
  const int64_t rows = x.dims()[0], columns = x.dims()[1];
  for (const int64_t feature : trees.features) {
    if (feature < 0 || feature >= columns)
      return OutOfRange("feature {} of {} columns", feature, columns);
  }
  for (const int64_t target : trees.leaf_targets) {
    if (target < 0 || target >= targets) return OutOfRange("leaf target {} of {}", target, targets);
  }
  AZ_ASSIGN_OR_RETURN(const int64_t count, ctx.Plan(x.dtype(), {rows, targets}));
  const double limit = x.dtype() == ir::DType::kDouble
                           ? std::numeric_limits<double>::max()
                           : static_cast<double>(std::numeric_limits<float>::max());
  std::vector<double> out(static_cast<size_t>(count), aggregate == 2   ? limit
                                                      : aggregate == 3 ? -limit
                                                                       : 0);
  const std::vector<double> values = Reals(x);
  for (int64_t row = 0; row < rows; ++row) {
    for (const int64_t root : trees.roots) {
      auto node = static_cast<size_t>(root);
      size_t leaf = 0;
      // A tree is at most as deep as it has nodes; more steps are a cycle.
      for (size_t steps = 0;; ++steps) {
        if (steps > trees.splits.size())
          return InvalidArgument("the tree of root {} has a cycle", root);
        const bool yes =
            trees.Goes(node, values[static_cast<size_t>(row * columns + trees.features[node])]);
        const auto to = static_cast<size_t>(yes ? trees.true_ids[node] : trees.false_ids[node]);
        if ((yes ? trees.true_leaf[node] : trees.false_leaf[node]) != 0) {
          leaf = to;
          break;
        }
        node = to;
      }
      double& sum = out[static_cast<size_t>(row * targets + trees.leaf_targets[leaf])];
      const double weight = trees.leaf_weights[leaf];
      if (aggregate == 2) {
        sum = std::min(sum, weight);
      } else if (aggregate == 3) {
        sum = std::max(sum, weight);
      } else {
        sum += aggregate == 0 ? weight / static_cast<double>(trees.roots.size()) : weight;
      }
    }
  }
  ctx.Set(0, FromReals(x.dtype(), {rows, targets}, out));
  return OkStatus();
}

const KernelRow kRows[] = {
    {"ArrayFeatureExtractor", 1, ArrayFeatureExtractor, 2, 2, Takes::kAny, kMlDomain},
    {"Binarizer", 1, Binarizer, 1, 1, Takes::kNumeric, kMlDomain},
    {"FeatureVectorizer", 1, FeatureVectorizer, 1, -1, Takes::kNumeric, kMlDomain},
    {"Imputer", 1, Imputer, 1, 1, Takes::kNumeric, kMlDomain},
    {"LabelEncoder", 2, LabelEncoder, 1, 1, Takes::kAny, kMlDomain},
    {"LinearRegressor", 1, LinearRegressor, 1, 1, Takes::kNumeric, kMlDomain},
    {"Normalizer", 1, Normalizer, 1, 1, Takes::kNumeric, kMlDomain},
    {"OneHotEncoder", 1, OneHotEncoder, 1, 1, Takes::kAny, kMlDomain},
    {"Scaler", 1, Scaler, 1, 1, Takes::kNumeric, kMlDomain},
    {"TreeEnsemble", 5, TreeEnsemble, 1, 1, Takes::kNumeric, kMlDomain},
};

}  // namespace

KernelRows MlRows() { return kRows; }

}  // namespace assize::reference
