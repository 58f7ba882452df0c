"""`assay predict` gives LightGBM's own bits, scores our own model files, and places every mistake.

Models are trained here with the library that the predictions are compared with; numbers travel as
C99 hexadecimal, so that a difference in the last bit shows.
"""
import csv
import io
import json
import math
import os
import subprocess

import lightgbm as lgb
import numpy as np
import pytest

ASSAY = os.environ["ASSAY_BIN"]
ROWS = 2000
COLUMNS = 8
ZERO = float(np.float32(1e-35))  # what the library takes for zero
SPECIAL = [np.nan, 0.0, -0.0, 1e-35, ZERO, -ZERO, np.nextafter(ZERO, 1.0), 5e-324, -5e-324,
           2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308]


def predict(*arguments, text=None):
    return subprocess.run([ASSAY, "predict", *map(str, arguments)], input=text,
                          capture_output=True, text=True, timeout=300)


def cell(value):
    """Shortest text that reads back; a missing value is empty."""
    return "" if math.isnan(value) else repr(float(value))


def table(names, rows):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()


def numbers(text):
    """Header and values of predict's output in hexadecimal."""
    lines = list(csv.reader(io.StringIO(text)))
    return lines[0], np.array([[float.fromhex(value) for value in line] for line in lines[1:]])


def bits(values):
    return np.ascontiguousarray(values, dtype=np.float64).view(np.int64)


def thresholds(model):
    """(column, threshold) of every split."""
    found = []

    def walk(node):
        if "threshold" in node:
            found.append((node["split_feature"], node["threshold"]))
            walk(node["left_child"])
            walk(node["right_child"])

    for tree in model.dump_model()["tree_info"]:
        walk(tree["tree_structure"])
    return found


def hard_rows(rng, data, model):
    """Rows of the data with special values, and with thresholds hit exactly and missed by one ulp."""
    rows = data[rng.integers(len(data), size=600)].copy()
    mask = rng.random(rows.shape) < 0.2
    rows[mask] = rng.choice(SPECIAL, size=mask.sum())
    splits = thresholds(model)
    for row in rows:
        for _ in range(2):
            if splits:
                column, threshold = splits[rng.integers(len(splits))]
                if math.isfinite(threshold):
                    row[column] = rng.choice([threshold, np.nextafter(threshold, np.inf),
                                              np.nextafter(threshold, -np.inf)])
    rows[np.isinf(rows)] = np.nan
    return rows


class Data:
    """One random population with a label of every type."""

    def __init__(self, scale=1.0):
        rng = np.random.default_rng(20)
        x = rng.normal(size=(ROWS, COLUMNS))
        x[:, 3] = np.round(x[:, 3] * 2)
        x[rng.random(x.shape) < 0.2] = 0.0
        signal = x[:, 0] + x[:, 1] * x[:, 2] - np.abs(x[:, 3])
        x[rng.random(x.shape) < 0.1] = np.nan
        self.x = x * scale
        self.real = signal + rng.normal(size=ROWS)
        self.flag = (self.real > 0).astype(int)
        self.share = 1 / (1 + np.exp(-signal))
        self.count = rng.poisson(np.exp(np.clip(signal, -3, 2))).astype(float)
        self.positive = self.count + 0.1
        self.grade = np.digitize(signal, [-1, 0, 1])


MODELS = {
    "regression": ({"objective": "regression"}, "real"),
    "regression sqrt": ({"objective": "regression", "reg_sqrt": True}, "real"),
    "l1": ({"objective": "regression_l1"}, "real"),
    "huber": ({"objective": "huber"}, "real"),
    "fair": ({"objective": "fair"}, "real"),
    "quantile": ({"objective": "quantile", "alpha": 0.8}, "real"),
    "mape": ({"objective": "mape"}, "real"),
    "poisson": ({"objective": "poisson"}, "count"),
    "gamma": ({"objective": "gamma"}, "positive"),
    "tweedie": ({"objective": "tweedie"}, "count"),
    "binary": ({"objective": "binary"}, "flag"),
    "binary sigmoid 0.7": ({"objective": "binary", "sigmoid": 0.7}, "flag"),
    "binary sigmoid 1.1": ({"objective": "binary", "sigmoid": 1.1}, "flag"),
    "binary sigmoid misread": ({"objective": "binary", "sigmoid": 1.0131}, "flag"),  # not strtod's
    "binary sigmoid long": ({"objective": "binary", "sigmoid": 3.14159265358979}, "flag"),
    "binary sigmoid 1e-5": ({"objective": "binary", "sigmoid": 1e-5}, "flag"),
    "cross entropy": ({"objective": "cross_entropy"}, "share"),
    "cross entropy lambda": ({"objective": "cross_entropy_lambda"}, "share"),
    "multiclass": ({"objective": "multiclass", "num_class": 4}, "grade"),
    "one against all": ({"objective": "multiclassova", "num_class": 4, "sigmoid": 1.3}, "grade"),
    "lambdarank": ({"objective": "lambdarank"}, "grade"),
    "rank_xendcg": ({"objective": "rank_xendcg"}, "grade"),
    "custom": ({"objective": lambda scores, data: (scores - data.get_label(),
                                                   np.ones(len(scores)))}, "real"),
    "random forest": ({"objective": "binary", "boosting": "rf", "bagging_freq": 1,
                       "bagging_fraction": 0.6}, "flag"),
    "random forest multiclass": ({"objective": "multiclass", "num_class": 4, "boosting": "rf",
                                  "bagging_freq": 1, "bagging_fraction": 0.6}, "grade"),
    "dart": ({"objective": "binary", "boosting": "dart"}, "flag"),
    "goss": ({"objective": "binary", "data_sample_strategy": "goss"}, "flag"),
    "zero as missing": ({"objective": "binary", "zero_as_missing": True}, "flag"),
    "missing unused": ({"objective": "binary", "use_missing": False}, "flag"),
    "stump": ({"objective": "binary", "min_data_in_leaf": 10 * ROWS}, "flag"),
    "two leaves": ({"objective": "binary", "num_leaves": 2}, "flag"),
    "deep": ({"objective": "regression", "num_leaves": 400, "min_data_in_leaf": 1}, "real"),
    "monotone": ({"objective": "binary", "monotone_constraints": [1] + [0] * 7}, "flag"),
    "extra trees": ({"objective": "binary", "extra_trees": True}, "flag"),
    "quantized": ({"objective": "binary", "use_quantized_grad": True}, "flag"),
    "tiny values": ({"objective": "binary"}, "flag", 1e-35),
    "denormal values": ({"objective": "binary"}, "flag", 1e-310),
    "huge values": ({"objective": "binary"}, "flag", 1e300),
}


def train(tmp_path, parameters, label, scale=1.0, rounds=25):
    data = Data(scale)
    parameters = {"verbose": -1, "num_threads": 1, "deterministic": True, "seed": 3, **parameters}
    group = [100] * (ROWS // 100) if "rank" in str(parameters["objective"]) else None
    names = [f"user.f{i}" for i in range(COLUMNS)]
    booster = lgb.train(parameters, lgb.Dataset(data.x, getattr(data, label), group=group,
                                                feature_name=names, params=parameters), rounds)
    path = tmp_path / "model.txt"
    booster.save_model(str(path))
    return data, lgb.Booster(model_file=str(path)), path, names


@pytest.mark.parametrize("name", MODELS)
def test_scores_and_contributions_are_those_of_lightgbm(name, tmp_path):
    data, model, path, names = train(tmp_path, *MODELS[name])
    rows = hard_rows(np.random.default_rng(21), data.x, model)
    classes = model.num_model_per_iteration()
    run = predict("--model", path, "--input", "-", "--hex", "--contributions",
                  text=table(names, rows))
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    header, found = numbers(run.stdout)
    assert header == ([f"raw_{k}" for k in range(classes)] + [f"pred_{k}" for k in range(classes)]
                      + [f"contrib_{name}" for name in names] + ["contrib_base"])
    raw = model.predict(rows, raw_score=True).reshape(-1, classes)
    predicted = model.predict(rows).reshape(-1, classes)
    assert np.array_equal(bits(found[:, :classes]), bits(raw))
    assert np.array_equal(bits(found[:, classes:2 * classes]), bits(predicted))
    wanted = model.predict(rows, pred_contrib=True).reshape(len(rows), classes, -1)[:, 0]
    size = np.abs(wanted).sum(axis=1, keepdims=True)
    assert (np.abs(found[:, 2 * classes:] - wanted) <= 1e-9 * size).all()


def test_what_is_not_scored_exactly_is_refused_by_name(tmp_path):
    data, _, path, names = train(tmp_path, {"objective": "regression", "linear_tree": True}, "real",
                                 rounds=3)
    run = predict("--model", path, "--input", "-", text=table(names, data.x[:1]))
    assert run.returncode == 78
    assert "linear tree" in run.stderr and "model.txt:" in run.stderr
    x = np.nan_to_num(np.abs(data.x * 3)).round()
    booster = lgb.train({"objective": "binary", "verbose": -1, "min_data_per_group": 1,
                         "cat_smooth": 0},
                        lgb.Dataset(x, data.flag, categorical_feature=list(range(COLUMNS))), 3)
    booster.save_model(str(path))
    run = predict("--model", path, "--input", "-", text=table(names, data.x[:1]))
    assert run.returncode == 78
    assert "categorical split" in run.stderr and "train without it" in run.stderr


def test_a_model_that_was_edited_by_hand_is_refused(tmp_path):
    data, _, path, names = train(tmp_path, {"objective": "binary"}, "flag", rounds=3)
    path.write_text(path.read_text().replace("shrinkage=0.1", "shrinkage=0.10", 1))
    run = predict("--model", path, "--input", "-", text=table(names, data.x[:1]))
    assert run.returncode == 78
    assert "tree_sizes" in run.stderr


SMALL = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n" \
        "max_feature_idx=1\nobjective=regression\nfeature_names=age income\n" \
        "feature_infos=[0:1] [0:1]\n\nTree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=1\n" \
        "threshold=10\ndecision_type=10\nleft_child=-1\nright_child=-2\nleaf_value=1.5 0.1\n" \
        "leaf_count=5 5\ninternal_count=10\nshrinkage=1\n\n\nend of trees\n"


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.txt"
    path.write_text(SMALL)
    return path


def test_columns_are_bound_by_name_and_extra_ones_are_noted(small):
    run = predict("-m", small, "-i", "-", text='city,income,"a ""b""",age\nX,11,2,\n"Y,\nZ",,,3\n')
    assert (run.returncode, run.stdout) == (0, "raw_0,pred_0\n0.1,0.1\n1.5,1.5\n")
    assert run.stderr == 'assay: note: columns that the model does not read: "city", "a "b""\n'


def test_raw_leaves_out_predictions_and_numbers_print_short_or_in_hexadecimal(small):
    rows = "age,income\n1,10\n1,10.000000000000002\n"
    assert predict("-m", small, "-i", "-", "--raw", text=rows).stdout == "raw_0\n1.5\n0.1\n"
    assert predict("-m", small, "-i", "-", "--raw", "--hex", text=rows).stdout == (
        "raw_0\n0x1.8p+0\n0x1.999999999999ap-4\n")


def test_a_dash_is_standard_output(small, tmp_path):
    run = subprocess.run([ASSAY, "predict", "-m", str(small), "-i", "-", "-o", "-"], text=True,
                         input="age,income\n1,10\n", capture_output=True, cwd=tmp_path)
    assert run.returncode == 0 and run.stdout.startswith("raw_0,pred_0\n1.5,")
    assert not (tmp_path / "-").exists()


def test_output_goes_to_a_file_and_input_comes_from_one(small, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("\ufeffage,income\r\n1,\r\n")
    out = tmp_path / "scores.csv"
    run = predict("-m", small, "-i", rows, "-o", out)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert out.read_text() == "raw_0,pred_0\n1.5,1.5\n"


@pytest.mark.parametrize("text, code, told", [
    ("age,incom\n1,2\n", 65, ['no column "income"', 'rename "incom"?']),
    ("age,income,age\n1,2,3\n", 65, ['column "age" twice']),
    ("age,income\n1,x2\n", 65, ["standard input:2:3", "not a number", '"x2"']),
    ('age,income\n1,2\n"3\n",4\n', 65, ["standard input:3:1", "not a number"]),
    ("age,income\n1,1e999\n", 65, ["standard input:2:3", "finite"]),
    ("age,income\n1,nan\n", 65, ["standard input:2:3", "leave the cell empty"]),
    ("age,income\n1,0x10\n", 65, ["standard input:2:3"]),
    ("age,income\n1\n", 65, ["standard input:2:1", "fields"]),
    ('age,income\n1,"2\n', 65, ["standard input:2:3", "never closed"]),
    ("", 65, ["empty", "header"]),
])
def test_mistakes_in_rows_are_placed(small, text, code, told):
    run = predict("-m", small, "-i", "-", text=text)
    assert run.returncode == code
    for words in told:
        assert words in run.stderr


def test_missing_files_and_unknown_kinds_are_told(small, tmp_path):
    run = predict("-m", tmp_path / "none.txt", "-i", "-", text="")
    assert run.returncode == 66 and "none.txt" in run.stderr
    run = predict("-m", small, "-i", tmp_path / "none.csv")
    assert run.returncode == 66 and "none.csv" in run.stderr
    run = predict("-m", small, "-i", "-", "--kind", "tree", text="")
    assert run.returncode == 64 and "lightgbm, scorecard or logistic" in run.stderr
    other = tmp_path / "other.bin"
    other.write_text("hello")
    run = predict("-m", other, "-i", "-", text="")
    assert run.returncode == 78 and "--kind" in run.stderr
    run = predict("-m", small, "-i", "-", "-o", tmp_path / "no" / "dir", text="age,income\n")
    assert run.returncode in (66, 74) and "cannot be written" in run.stderr


def test_a_scorecard_gives_points_probability_and_points_lost(tmp_path):
    card = {"kind": "scorecard", "event": "bad", "points_for": "non-event", "points": 600,
            "odds": 50, "pdo": 20, "base": 500, "base_split": "apart",
            "features": [{"name": "age", "missing": -5,
                          "bins": [{"to": 30, "points": 10}, {"from": 30, "points": 40}],
                          "special": [{"value": -999, "points": 0}]},
                         {"name": "income", "missing": 1, "bins": [{"points": 60}]}]}
    path = tmp_path / "x.card.yaml"
    path.write_text(json.dumps(card))
    run = predict("-m", path, "-i", "-", "--contributions",
                  text="age,income\n30,1\n29.5,1\n-999,\n,1\n")
    assert run.returncode == 0, run.stderr
    lines = list(csv.reader(io.StringIO(run.stdout)))
    assert lines[0] == ["raw_0", "pred_0", "contrib_age", "contrib_income", "contrib_base"]
    assert [line[0] for line in lines[1:]] == ["600", "570", "501", "555"]
    assert [line[2:] for line in lines[1:]] == [["0", "0", "600"], ["-30", "0", "600"],
                                                ["-40", "-59", "600"], ["-45", "0", "600"]]
    for line in lines[1:]:
        odds = 50 * 2 ** ((float(line[0]) - 600) / 20)
        assert float(line[1]) == pytest.approx(1 / (1 + odds), rel=1e-14)


def test_a_logistic_model_gives_linear_predictor_and_probability(tmp_path):
    model = {"kind": "logistic", "event": "churned", "intercept": -1.5,
             "features": [{"name": "a", "coefficient": 0.3, "mean": 2, "missing": 5},
                          {"name": "b", "coefficient": -1.1, "mean": 0, "missing": 0}]}
    path = tmp_path / "churn.json"
    path.write_text(json.dumps(model))
    run = predict("-m", path, "-i", "-", "--hex", "--contributions", text="b,a\n0.5,4\n,\n")
    assert run.returncode == 0, run.stderr
    _, found = numbers(run.stdout)
    for row, (a, b) in zip(found, [(4, 0.5), (5, 0)]):
        raw = -1.5 + 0.3 * a + -1.1 * b
        assert row[0] == raw
        assert row[1] == pytest.approx(1 / (1 + math.exp(-raw)), rel=1e-15)
        assert list(row[2:]) == [0.3 * (a - 2), -1.1 * b, -1.5 + 0.3 * 2]


def test_a_long_input_is_streamed_in_order(small):
    count = 200_000
    text = "age,income\n" + "".join(f"1,{i % 21}\n" for i in range(count))
    run = predict("-m", small, "-i", "-", "--raw", text=text)
    assert run.returncode == 0
    assert run.stdout == "raw_0\n" + "".join("1.5\n" if i % 21 <= 10 else "0.1\n"
                                             for i in range(count))
