//! Histograms as inline SVG. Colours come from the page's classes; every bar has a title, which browsers show and screen readers read.

use std::fmt::Write as _;

use crate::statistics::histogram::{DENSITY_BINS, DENSITY_SCALE};
use crate::statistics::table::{grouped, short};
use crate::statistics::{Densities, Lengths};

/// Size of the picture in its own units; the page scales it.
const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 132.0;
/// Where the bars stand: left, right, top, bottom.
const LEFT: f64 = 6.0;
const RIGHT: f64 = 334.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 110.0;

/// Powers of two that hold all lengths, so that pictures beside each other can be compared.
pub fn range<'a>(all: impl Iterator<Item = &'a Lengths>) -> (u32, u32) {
    let (low, high) = all
        .filter(|lengths| lengths.documents > 0)
        .fold((u64::MAX, 1), |(low, high), lengths| (low.min(lengths.min), high.max(lengths.max)));
    let low = if low == u64::MAX { 1 } else { low.max(1) };
    (low.ilog2(), high.max(low).ilog2() + 1)
}

/// Lengths before (pale) and after (strong), on a logarithmic scale over `range`.
pub fn lengths(before: &Lengths, after: &Lengths, range: (u32, u32), unit: &str) -> String {
    let (low, high) = (f64::from(range.0), f64::from(range.1));
    let x = |length: u64| LEFT + (RIGHT - LEFT) * ((length.max(1) as f64).log2() - low) / (high - low);
    let largest = before.bins.values().chain(after.bins.values()).copied().max().unwrap_or(0);
    let mut svg = open(&format!("distribution of length in {unit}"));
    let mut tick = 1u64;
    for _ in 0..19 {
        let at = x(tick);
        if (LEFT..=RIGHT).contains(&at) {
            axis_label(&mut svg, at, &scale_name(tick));
        }
        tick = tick.saturating_mul(10);
    }
    let mut bars = |lengths: &Lengths, class: &str| {
        for (&lower, &count) in &lengths.bins {
            let upper = Lengths::next(lower);
            let title = format!(
                "{} to {} {unit}: {} documents {class}",
                grouped(lower),
                grouped(upper.saturating_sub(1).max(lower)),
                grouped(count)
            );
            bar(&mut svg, (x(lower), x(upper)), (0, count), largest, class, &title);
        }
    };
    bars(before, "read");
    bars(after, "kept");
    close(svg, largest)
}

/// Densities of kept and dropped documents on top of each other, with the threshold.
pub fn densities(densities: &Densities) -> String {
    let x = |bin: f64| LEFT + (RIGHT - LEFT) * bin / DENSITY_BINS as f64;
    let count = |side: &std::collections::BTreeMap<u32, u64>, bin: usize| side.get(&(bin as u32)).copied().unwrap_or(0);
    let sums = (0..DENSITY_BINS).map(|bin| count(&densities.kept, bin) + count(&densities.dropped, bin));
    let largest = sums.max().unwrap_or(0);
    let mut svg = open("distribution of keyword density");
    for share in [0, 5, 10, 15, 20, 25] {
        let bin = share as f64 / 100.0 * DENSITY_SCALE as f64;
        axis_label(&mut svg, x(bin), &format!("{share} %"));
    }
    for bin in 0..DENSITY_BINS {
        let (dropped, kept) = (count(&densities.dropped, bin), count(&densities.kept, bin));
        let from = bin as f64 * 100.0 / DENSITY_SCALE as f64;
        let place = if bin + 1 == DENSITY_BINS {
            format!("{from:.1} % and more")
        } else {
            format!("{from:.1} to {:.1} %", from + 100.0 / DENSITY_SCALE as f64)
        };
        let across = (x(bin as f64), x(bin as f64 + 1.0));
        for (class, from, to) in [("dropped", 0, dropped), ("kept", dropped, dropped + kept)] {
            if to > from {
                let title = format!("{place}: {} documents {class}", grouped(to - from));
                bar(&mut svg, across, (from, to), largest, class, &title);
            }
        }
    }
    if densities.minimal_density > 0.0 {
        let at = x(densities.minimal_density * DENSITY_SCALE as f64);
        let _ = write!(
            svg,
            "<line class=\"threshold\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{:.1}\" y2=\"{BOTTOM:.1}\"/>",
            TOP - 8.0
        );
    }
    close(svg, largest)
}

fn open(label: &str) -> String {
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{label}\">");
    let _ = write!(
        svg,
        "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{BOTTOM}\" y2=\"{BOTTOM}\"/>"
    );
    svg
}

fn close(mut svg: String, largest: u64) -> String {
    if largest > 0 {
        let _ = write!(
            svg,
            "<text class=\"top\" x=\"{RIGHT}\" y=\"10\" text-anchor=\"end\">highest bar: {}</text>",
            short(largest)
        );
    } else {
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">no documents</text>",
            WIDTH / 2.0,
            HEIGHT / 2.0
        );
    }
    svg += "</svg>";
    svg
}

fn axis_label(svg: &mut String, x: f64, label: &str) {
    let _ = write!(
        svg,
        "<line class=\"axis\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{BOTTOM}\" y2=\"{:.1}\"/>",
        BOTTOM + 4.0
    );
    let anchor = if x < LEFT + 12.0 {
        "start"
    } else if x > RIGHT - 12.0 {
        "end"
    } else {
        "middle"
    };
    let _ = write!(
        svg,
        "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{label}</text>",
        BOTTOM + 16.0
    );
}

/// `1`, `1 k`, `100 k`, `1 M`: a power of ten.
fn scale_name(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        1_000..1_000_000 => format!("{} k", number / 1_000),
        1_000_000..1_000_000_000 => format!("{} M", number / 1_000_000),
        _ => format!("{} B", number / 1_000_000_000),
    }
}

/// From `counts.0` to `counts.1` documents; the largest bar fills the height.
fn bar(svg: &mut String, (left, right): (f64, f64), counts: (u64, u64), largest: u64, class: &str, title: &str) {
    let y = |count: u64| BOTTOM - (BOTTOM - TOP) * count as f64 / largest.max(1) as f64;
    let (top, bottom) = (y(counts.1), y(counts.0));
    // A single document among millions stays visible.
    let height = (bottom - top).max(0.7);
    let width = (right.min(RIGHT) - left - 0.6).max(0.6);
    let _ = write!(
        svg,
        "<rect class=\"{class}\" x=\"{left:.2}\" y=\"{:.2}\" width=\"{width:.2}\" height=\"{height:.2}\"><title>{title}</title></rect>",
        bottom - height
    );
}
