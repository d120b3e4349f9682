//! Krippendorff's alpha: how far raters agree beyond chance. 1 is perfect, 0 is chance; raters may have skipped items.
//!
//! Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability". What must hold: an item that fewer than two raters rated does not
//! count.

/// What the distance between two ratings means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Names: equal or not.
    Nominal,
    /// Ranks: how many ratings lie between them. For scales with written anchors.
    Ordinal,
    /// Numbers: the squared difference.
    Interval,
}

/// Alpha of `ratings`: one row per rater, one column per item, `None` where the rater skipped it. `None` where the rows differ in length,
/// no item has two ratings, or all ratings are equal (there is no disagreement to expect).
pub fn krippendorff_alpha(ratings: &[Vec<Option<f64>>], scale: Scale) -> Option<f64> {
    let items = ratings.first()?.len();
    if ratings.iter().any(|row| row.len() != items) || ratings.iter().flatten().flatten().any(|r| !r.is_finite()) {
        return None;
    }
    let columns: Vec<Vec<f64>> = (0..items)
        .map(|item| ratings.iter().filter_map(|row| row[item]).collect())
        .filter(|column: &Vec<f64>| column.len() > 1)
        .collect();
    let mut values: Vec<f64> = columns.iter().flatten().copied().collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let place = |rating: f64| values.partition_point(|v| *v < rating);
    // Coincidences: each ordered pair of ratings within an item, weighted by 1 / (ratings of the item − 1).
    let k = values.len();
    let mut coincidence = vec![vec![0.0f64; k]; k];
    for column in &columns {
        for (i, a) in column.iter().enumerate() {
            for (j, b) in column.iter().enumerate() {
                if i != j {
                    coincidence[place(*a)][place(*b)] += 1.0 / (column.len() as f64 - 1.0);
                }
            }
        }
    }
    let each: Vec<f64> = coincidence.iter().map(|row| row.iter().sum()).collect();
    let total: f64 = each.iter().sum();
    let distance = |a: usize, b: usize| match scale {
        Scale::Nominal => f64::from(u8::from(a != b)),
        Scale::Ordinal => {
            let (low, high) = (a.min(b), a.max(b));
            (each[low..=high].iter().sum::<f64>() - (each[low] + each[high]) / 2.0).powi(2)
        }
        Scale::Interval => (values[a] - values[b]).powi(2),
    };
    let (mut observed, mut expected) = (0.0, 0.0);
    for a in 0..k {
        for b in 0..k {
            observed += coincidence[a][b] * distance(a, b);
            expected += each[a] * each[b] * distance(a, b);
        }
    }
    (expected > 0.0).then(|| 1.0 - (total - 1.0) * observed / expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the Python package `krippendorff`, made by `tests/scripts/krippendorff_alpha.py`.
    #[test]
    fn alpha_equals_the_python_package() {
        #[derive(serde::Deserialize)]
        struct Case {
            ratings: Vec<Vec<Option<f64>>>,
            nominal: f64,
            ordinal: f64,
            interval: f64,
        }
        let cases: Vec<Case> = serde_json::from_str(include_str!("../../tests/fixtures/krippendorff_alpha.json")).unwrap();
        assert!(cases.len() >= 5);
        for case in cases {
            for (scale, want) in [
                (Scale::Nominal, case.nominal),
                (Scale::Ordinal, case.ordinal),
                (Scale::Interval, case.interval),
            ] {
                let got = krippendorff_alpha(&case.ratings, scale).unwrap();
                assert!((got - want).abs() < 1e-9, "{scale:?}: {got}, not {want}");
            }
        }
    }

    #[test]
    fn what_is_not_defined_is_none() {
        let row = |r: &[f64]| r.iter().map(|v| Some(*v)).collect::<Vec<_>>();
        assert_eq!(krippendorff_alpha(&[], Scale::Nominal), None);
        assert_eq!(krippendorff_alpha(&[row(&[1.0, 1.0]), row(&[1.0, 1.0])], Scale::Nominal), None);
        assert_eq!(krippendorff_alpha(&[row(&[1.0, 2.0]), row(&[1.0])], Scale::Nominal), None);
        assert_eq!(krippendorff_alpha(&[row(&[1.0, 2.0])], Scale::Nominal), None);
        assert_eq!(krippendorff_alpha(&[row(&[1.0, 2.0]), row(&[1.0, 2.0])], Scale::Ordinal), Some(1.0));
    }
}
