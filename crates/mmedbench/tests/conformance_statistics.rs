//! Statistics against statsmodels, SciPy, scikit-learn and lm-evaluation-harness: `metrics/stats.json` and `metrics/choice_summary.json`,
//! every key of both.

mod vectors;

use std::collections::BTreeSet;

use mmedkit_mmedbench::Language;
use mmedkit_mmedbench::choice::brier;
use mmedkit_mmedbench::published::published;
use mmedkit_mmedbench::statistics::calibration::{BINS, calibration};
use mmedkit_mmedbench::statistics::group::{Mean, Member, mean, mean_of_share, plain, weighted};
use mmedkit_mmedbench::statistics::interval::{exact, wilson};
use mmedkit_mmedbench::statistics::kendall::tau_b;
use mmedkit_mmedbench::statistics::mcnemar::{ChiSquare, Paired};
use mmedkit_mmedbench::statistics::{Interval, bootstrap};
use serde_json::Value;
use vectors::{close, floats, within};

const LANGUAGES: [&str; 6] = ["en", "zh", "ja", "fr", "ru", "es"];

/// Every key of `row` is one of those that the test compares.
fn only(row: &Value, known: &[&str], what: &str) {
    for key in row.as_object().unwrap().keys() {
        assert!(known.contains(&key.as_str()), "{what}: nothing compares the key {key}");
    }
}

fn count(row: &Value, key: &str) -> usize {
    row[key].as_u64().unwrap_or_else(|| panic!("{key} of {row}")) as usize
}

fn number(row: &Value, key: &str) -> f64 {
    row[key].as_f64().unwrap_or_else(|| panic!("{key} of {row}"))
}

fn ends(got: Option<Interval>, want: &Value, what: &str) {
    let (got, want) = (got.unwrap(), floats(want));
    // statsmodels leaves 1e-18 for 0 at times, hence the absolute part (README).
    within(got.low, want[0], 1e-9, 1e-9, what);
    within(got.high, want[1], 1e-9, 1e-9, what);
}

#[test]
fn conformance_statistics_equal_the_libraries() {
    let Some(stats) = vectors::json("stats.json") else { return };
    for (section, rows) in stats.as_object().unwrap() {
        let rows = rows.as_array().unwrap();
        assert!(!rows.is_empty(), "{section} is empty");
        for (i, row) in rows.iter().enumerate() {
            let what = format!("{section}[{i}]");
            match section.as_str() {
                "intervals" => intervals(row, &what),
                "mcnemar" => mcnemar(row, &what),
                "kendall_tau_b" => kendall(row, &what),
                "calibration" => calibrated(row, &what),
                "brier_multiclass" => brier_multiclass(row, &what),
                "macro_micro" => macro_micro(row, &what),
                other => panic!("nothing compares {other}"),
            }
        }
        println!("stats.json {section}: {} rows", rows.len());
    }
}

fn intervals(row: &Value, what: &str) {
    only(row, &["k", "n", "alpha", "wilson", "clopper_pearson"], what);
    let (k, n, alpha) = (count(row, "k"), count(row, "n"), number(row, "alpha"));
    ends(wilson(k, n, alpha), &row["wilson"], &format!("{what} Wilson {k}/{n}"));
    ends(exact(k, n, alpha), &row["clopper_pearson"], &format!("{what} exact {k}/{n}"));
}

fn mcnemar(row: &Value, what: &str) {
    let known = [
        "both_right",
        "only_first",
        "only_second",
        "both_wrong",
        "exact_p",
        "mid_p",
        "chi2",
        "chi2_p",
        "chi2_corrected",
        "chi2_corrected_p",
    ];
    only(row, &known, what);
    let paired = Paired {
        both_right: count(row, "both_right"),
        only_first: count(row, "only_first"),
        only_second: count(row, "only_second"),
        both_wrong: count(row, "both_wrong"),
    };
    close(paired.exact_p(), number(row, "exact_p"), &format!("{what} exact p"));
    close(paired.mid_p(), number(row, "mid_p"), &format!("{what} mid-p"));
    let chi = |got: Option<ChiSquare>, key: &str| match row.get(key) {
        Some(want) => {
            let got = got.unwrap();
            close(got.statistic, want.as_f64().unwrap(), &format!("{what} {key}"));
            close(got.p, number(row, &format!("{key}_p")), &format!("{what} {key} p"));
        }
        None => assert_eq!(got, None, "{what} {key}"),
    };
    chi(paired.chi_square(false), "chi2");
    chi(paired.chi_square(true), "chi2_corrected");
}

fn kendall(row: &Value, what: &str) {
    only(row, &["x", "y", "tau_b", "p_asymptotic", "p_exact"], what);
    let tau = tau_b(&floats(&row["x"]), &floats(&row["y"]));
    let Some(want) = row["tau_b"].as_f64() else {
        assert_eq!(tau, None, "{what}");
        return;
    };
    let tau = tau.unwrap();
    close(tau.tau_b, want, what);
    match row["p_asymptotic"].as_f64() {
        Some(want) => close(tau.p_asymptotic.unwrap(), want, &format!("{what} p")),
        None => assert_eq!(tau.p_asymptotic, None, "{what}"),
    }
    match row.get("p_exact") {
        Some(want) => close(tau.p_exact.unwrap(), want.as_f64().unwrap(), &format!("{what} exact p")),
        None => assert_eq!(tau.p_exact, None, "{what}"),
    }
}

fn calibrated(row: &Value, what: &str) {
    only(row, &["confidence", "correct", "ece10", "mce10", "bins", "brier_top1"], what);
    let answers: Vec<(f64, bool)> = floats(&row["confidence"])
        .into_iter()
        .zip(floats(&row["correct"]))
        .map(|(confidence, right)| (confidence, right == 1.0))
        .collect();
    let got = calibration(&answers, BINS).unwrap();
    // Gaps are differences of numbers near 1: below 1e-12 their own rounding shows.
    within(got.ece, number(row, "ece10"), 1e-9, 1e-12, &format!("{what} ECE"));
    within(got.mce, number(row, "mce10"), 1e-9, 1e-12, &format!("{what} MCE"));
    close(got.brier_top1, number(row, "brier_top1"), &format!("{what} Brier"));
    let bins = row["bins"].as_array().unwrap();
    assert_eq!(got.bins.len(), bins.len(), "{what}");
    for (got, want) in got.bins.iter().zip(bins) {
        only(want, &["bin", "n", "accuracy", "confidence"], what);
        assert_eq!((got.bin, got.n), (count(want, "bin"), count(want, "n")), "{what}");
        close(got.accuracy, number(want, "accuracy"), what);
        close(got.confidence, number(want, "confidence"), what);
    }
}

fn brier_multiclass(row: &Value, what: &str) {
    only(
        row,
        &["classes", "gold", "probabilities", "brier_sum_of_squares", "brier_half"],
        what,
    );
    let each: Vec<f64> = floats(&row["gold"])
        .iter()
        .zip(row["probabilities"].as_array().unwrap())
        .map(|(gold, p)| {
            assert_eq!(floats(p).len(), count(row, "classes"));
            brier(&floats(p), *gold as usize)
        })
        .collect();
    let got = mean(&each).unwrap().value;
    close(got, number(row, "brier_sum_of_squares"), what);
    close(got / 2.0, number(row, "brier_half"), what);
}

fn macro_micro(row: &Value, what: &str) {
    only(
        row,
        &["name", "sizes", "correct", "accuracy_percent", "macro_percent", "micro_percent"],
        what,
    );
    let members: Vec<Member> = LANGUAGES
        .iter()
        .map(|language| {
            let size = count(&row["sizes"], language);
            let value = number(&row["accuracy_percent"], language);
            if let Some(right) = row.get("correct") {
                close(100.0 * mean_of_share(count(right, language), size).unwrap().value, value, what);
            }
            Member { value, stderr: None, size }
        })
        .collect();
    close(
        plain(&members).unwrap().value,
        number(row, "macro_percent"),
        &format!("{what} macro"),
    );
    close(
        weighted(&members).unwrap().value,
        number(row, "micro_percent"),
        &format!("{what} micro"),
    );
    // Rows taken from the published table are those of the data file.
    if let Some(model) = row["name"].as_str().unwrap().strip_suffix(" row") {
        let published = published().accuracy.iter().find(|row| row.model == model).unwrap();
        for language in LANGUAGES {
            let percent = published.percent[&Language::parse(language).unwrap()];
            assert_eq!(percent, number(&row["accuracy_percent"], language), "{model} {language}");
        }
        close(published.macro_percent(), number(row, "macro_percent"), model);
        close(published.micro_percent(), number(row, "micro_percent"), model);
    }
}

/// The values of each metric in each task of `choice.jsonl`, which the summary aggregates.
struct Scores(Vec<Value>);

impl Scores {
    fn of(&self, task: &str, metric: &str) -> Vec<f64> {
        let rows = self.0.iter().filter(|item| item["task"] == task);
        let values: Vec<f64> = rows.map(|item| number(item, metric)).collect();
        assert!(!values.is_empty(), "{task} {metric}");
        values
    }
}

#[test]
fn conformance_aggregates_equal_lm_eval() {
    let (Some(summary), Some(items)) = (vectors::json("choice_summary.json"), vectors::jsonl("choice.jsonl")) else {
        return;
    };
    let scores = Scores(items);
    for (section, value) in summary.as_object().unwrap() {
        match section.as_str() {
            "per_task" => per_task(&scores, value),
            "group_of_six" => group_of_six(&scores, value),
            "mmedbench_sizes" => value.as_array().unwrap().iter().for_each(mmedbench_sizes),
            "mean_stderr_of_k_of_n" => value.as_array().unwrap().iter().for_each(|row| {
                only(row, &["k", "n", "mean", "stderr"], section);
                let got = mean_of_share(count(row, "k"), count(row, "n")).unwrap();
                close(got.value, number(row, "mean"), section);
                close(got.stderr.unwrap(), number(row, "stderr"), section);
            }),
            "bootstrap" => bootstraps(&scores, value),
            other => panic!("nothing compares {other}"),
        }
    }
}

/// lm-eval has no standard error for the Brier score and writes "N/A"; this crate has one, so only the others are compared.
fn compare(got: Mean, row: &Value, metric: &str, what: &str) {
    close(got.value, number(row, metric), &format!("{what} {metric}"));
    let stderr = &row[format!("{metric}_stderr")];
    match stderr.as_f64() {
        Some(want) => close(got.stderr.unwrap(), want, &format!("{what} {metric} stderr")),
        None => assert_eq!((stderr.as_str(), metric), (Some("N/A"), "brier_score"), "{what}"),
    }
}

fn metrics(row: &Value) -> Vec<String> {
    let keys = row.as_object().unwrap().keys();
    keys.filter(|k| *k != "n" && !k.ends_with("_stderr")).cloned().collect()
}

fn per_task(scores: &Scores, tasks: &Value) {
    for (task, row) in tasks.as_object().unwrap() {
        for metric in metrics(row) {
            let values = scores.of(task, &metric);
            assert_eq!(values.len(), count(row, "n"), "{task}");
            compare(mean(&values).unwrap(), row, &metric, task);
        }
    }
    println!("choice_summary.json per_task: {} tasks", tasks.as_object().unwrap().len());
}

fn group_of_six(scores: &Scores, group: &Value) {
    only(group, &["members", "sizes", "weight_by_size", "plain_mean"], "group_of_six");
    for metric in metrics(&group["weight_by_size"]) {
        let members: Vec<Member> = vectors::strings(&group["members"])
            .iter()
            .zip(floats(&group["sizes"]))
            .map(|(task, size)| {
                let values = scores.of(task, &metric);
                assert_eq!(values.len(), size as usize);
                let mean = mean(&values).unwrap();
                Member {
                    value: mean.value,
                    stderr: mean.stderr,
                    size: values.len(),
                }
            })
            .collect();
        compare(weighted(&members).unwrap(), &group["weight_by_size"], &metric, "by size");
        compare(plain(&members).unwrap(), &group["plain_mean"], &metric, "plain");
    }
}

fn mmedbench_sizes(row: &Value) {
    let what = row["name"].as_str().unwrap();
    let known = [
        "name",
        "sizes",
        "correct",
        "acc",
        "acc_stderr",
        "weighted_acc",
        "weighted_stderr",
        "plain_acc",
        "plain_stderr",
        // Not computed: a function that lm-eval keeps but does not use; it forgets to add up the sizes it has seen, so its value has no
        // meaning.
        "combined_sample_stderr",
    ];
    only(row, &known, what);
    let members: Vec<Member> = floats(&row["correct"])
        .iter()
        .zip(floats(&row["sizes"]))
        .map(|(k, n)| {
            let mean = mean_of_share(*k as usize, n as usize).unwrap();
            Member {
                value: mean.value,
                stderr: mean.stderr,
                size: n as usize,
            }
        })
        .collect();
    for (member, (acc, stderr)) in members.iter().zip(floats(&row["acc"]).iter().zip(floats(&row["acc_stderr"]))) {
        close(member.value, *acc, what);
        close(member.stderr.unwrap(), stderr, what);
    }
    let (by_size, equal) = (weighted(&members).unwrap(), plain(&members).unwrap());
    close(by_size.value, number(row, "weighted_acc"), what);
    close(by_size.stderr.unwrap(), number(row, "weighted_stderr"), what);
    close(equal.value, number(row, "plain_acc"), what);
    close(equal.stderr.unwrap(), number(row, "plain_stderr"), what);
}

fn bootstraps(scores: &Scores, section: &Value) {
    only(section, &["lm_eval_stderr", "percentile_95"], "bootstrap");
    for row in section["lm_eval_stderr"].as_array().unwrap() {
        only(row, &["statistic", "task", "value", "bootstrap_iters", "stderr"], "bootstrap");
        let name = row["statistic"].as_str().unwrap();
        let statistic: fn(&[(bool, bool)]) -> f64 = match name {
            "matthews_corrcoef" => matthews,
            "f1_score" => f1,
            other => panic!("nothing computes {other}"),
        };
        let items = scores.0.iter().filter(|item| item["task"] == row["task"]);
        let pairs: Vec<(bool, bool)> = items.map(|i| (count(i, "gold") == 1, count(i, "pred_acc") == 1)).collect();
        close(statistic(&pairs), number(row, "value"), name);
        let drawn = |chosen: &[usize]| statistic(&chosen.iter().map(|i| pairs[*i]).collect::<Vec<_>>());
        let got = bootstrap::stderr(pairs.len(), count(row, "bootstrap_iters"), 1, drawn).unwrap();
        // Another generator: the README allows a tenth.
        within(got, number(row, "stderr"), 0.1, 0.0, &format!("{name} bootstrap"));
    }
    let mut seen = BTreeSet::new();
    for row in section["percentile_95"].as_array().unwrap() {
        only(
            row,
            &["task", "metric", "n", "mean", "resamples", "seed_1", "seed_2", "limit"],
            "bootstrap",
        );
        let (task, metric) = (row["task"].as_str().unwrap(), row["metric"].as_str().unwrap());
        let values = scores.of(task, metric);
        assert_eq!(values.len(), count(row, "n"));
        close(mean(&values).unwrap().value, number(row, "mean"), task);
        let drawn = |chosen: &[usize]| chosen.iter().map(|i| values[*i]).sum::<f64>() / values.len() as f64;
        let got = bootstrap::percentile(values.len(), count(row, "resamples"), 0.05, 1, drawn).unwrap();
        let want = if row.get("limit").is_some() { "limit" } else { "seed_1" };
        let ends = floats(&row[want]);
        for seed in ["seed_1", "seed_2"] {
            seen.insert((seed, floats(&row[seed]).len()));
        }
        // The README's tolerances: one question for accuracies, 5% of the width for the Brier score.
        let allowed = if want == "limit" {
            1.000001 / values.len() as f64
        } else {
            0.05 * (ends[1] - ends[0])
        };
        within(got.low, ends[0], 0.0, allowed, &format!("{task} {metric} low"));
        within(got.high, ends[1], 0.0, allowed, &format!("{task} {metric} high"));
    }
    assert_eq!(seen, BTreeSet::from([("seed_1", 2), ("seed_2", 2)]));
}

fn table(pairs: &[(bool, bool)]) -> (f64, f64, f64, f64) {
    let count = |gold, predicted| pairs.iter().filter(|p| **p == (gold, predicted)).count() as f64;
    (count(true, true), count(false, true), count(true, false), count(false, false))
}

/// scikit-learn's `matthews_corrcoef` for two classes: 0 where a margin is empty.
fn matthews(pairs: &[(bool, bool)]) -> f64 {
    let (tp, fp, missed, tn) = table(pairs);
    let square = (tp + fp) * (tp + missed) * (tn + fp) * (tn + missed);
    if square == 0.0 {
        0.0
    } else {
        (tp * tn - fp * missed) / square.sqrt()
    }
}

fn f1(pairs: &[(bool, bool)]) -> f64 {
    let (tp, fp, missed, _) = table(pairs);
    if tp == 0.0 { 0.0 } else { 2.0 * tp / (2.0 * tp + fp + missed) }
}
