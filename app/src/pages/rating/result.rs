//! What raters of one study said: sources with intervals, agreement, and the metrics that order texts as people do.

use leptos::prelude::*;
use mmedbench::rating::{FEWEST_TEXTS, Group, Ratings, correlations, rated_texts, summary};

use crate::rating::Rate;
use crate::text::count;

#[component]
pub fn Result() -> impl IntoView {
    let rate = expect_context::<Rate>();
    // All raters of the opened study.
    let made = Memo::new(move |_| {
        rate.opened.with(|o| {
            let o = o.as_ref()?;
            let study = &o.stored.ratings.header.study;
            let known = rate.all.get().unwrap_or_default();
            let all: Vec<Ratings> = known
                .into_iter()
                .map(|stored| stored.ratings)
                .filter(|ratings| ratings.header.study == *study && !ratings.questions.is_empty())
                .collect();
            Some((all, o.questions.clone()))
        })
    });
    let node = NodeRef::<leptos::html::H1>::new();
    Effect::new(move || {
        if let Some(title) = node.get() {
            // A heading with a tabindex takes the focus.
            let _ = title.focus();
        }
    });
    let table = |(title, group): (String, &Group)| {
        let rows = group.sources.iter().map(|row| {
            let interval = row.interval.as_ref().map_or("–".into(), |i| format!("{:.2}–{:.2}", i.low, i.high));
            view! {
                <tr>
                    <th scope="row">{row.source.clone()}</th>
                    <td>{format!("{:.2}", row.score)}</td>
                    <td>{interval}</td>
                    <td>{format!("{:.2}", row.rank)}</td>
                    <td class="is-wide">{row.ratings}</td>
                </tr>
            }
            .into_any()
        });
        let agreement = match group.alpha {
            Some(alpha) => format!(
                "Raters agree to Krippendorff’s α = {alpha:.2} (ordinal; 1 is full agreement, 0 chance), on {} judged by several.",
                count(group.by_several, "question", "questions")
            ),
            None => "Agreement needs questions that several raters judged, and scores that differ.".into(),
        };
        view! {
            <section class="block">
                <h2 class="section-title">{title}</h2>
                <div class="table-wrap">
                    <table class="bench-scores">
                        <thead><tr>
                            <th scope="col">"Source"</th><th scope="col">"Score"</th><th scope="col">"95 % interval"</th>
                            <th scope="col">"Mean rank"</th><th scope="col" class="is-wide">"Ratings"</th>
                        </tr></thead>
                        <tbody>{rows.collect::<Vec<_>>()}</tbody>
                    </table>
                </div>
                <p class="small quiet">{agreement}</p>
            </section>
        }
        .into_any()
    };
    let body = move || {
        let (all, questions) = made.get()?;
        if all.is_empty() {
            return Some(view! { <p class="quiet">"Nothing was judged yet."</p> }.into_any());
        }
        let summary = match summary(&all) {
            Ok(summary) => summary,
            Err(error) => {
                return Some(
                    view! { <p class="refusal" role="alert">{format!("These ratings do not go together: {error}.")}</p> }.into_any(),
                );
            }
        };
        let raters: Vec<String> = summary
            .raters
            .iter()
            .map(|r| format!("{} ({} of {})", r.name, r.questions, summary.questions))
            .collect();
        let languages = summary.languages.iter().map(|group| (group.name.clone(), group));
        let tables: Vec<AnyView> = std::iter::once(("All questions".to_string(), &summary.all))
            .chain(languages)
            .map(table)
            .collect();
        let texts = rated_texts(&all, &questions);
        let taus = correlations(&texts).into_iter().map(|c| {
            view! { <tr><th scope="row">{c.metric}</th><td>{format!("{:+.2}", c.tau_b)}</td><td>{c.p.map_or("–".into(), |p| format!("{p:.3}"))}</td><td class="is-wide">{c.n}</td></tr> }.into_any()
        });
        let taus: Vec<AnyView> = taus.collect();
        let metrics = if taus.is_empty() {
            let why = format!(
                "It takes {FEWEST_TEXTS} judged texts of models, of which not all have the same score, for questions with a stored rationale, which metrics compare with; there are {}.",
                texts.len()
            );
            view! { <p class="quiet">{why}</p> }.into_any()
        } else {
            view! {
                <div class="table-wrap"><table class="bench-scores" data-testid="rate-taus">
                    <thead><tr><th scope="col">"Metric"</th><th scope="col">"Kendall’s τ-b"</th><th scope="col">"p"</th><th scope="col" class="is-wide">"Texts"</th></tr></thead>
                    <tbody>{taus}</tbody>
                </table></div>
                <p class="small quiet">"Over texts, the raters’ mean score against the metric’s value; TER falls where texts are better. BERTScore is the command line’s (mmedkit report)."</p>
            }
            .into_any()
        };
        Some(
            view! {
                <p class="meta"><span>{format!("Raters: {}", raters.join(", "))}</span></p>
                {tables}
                <section class="block">
                    <h2 class="section-title">"Which metric says the same"</h2>
                    {metrics}
                </section>
            }
            .into_any(),
        )
    };
    view! {
        <div class="bench" data-testid="rate-result">
            <div>
                <button type="button" class="link" data-testid="rate-back" on:click=move |_| rate.close()>"← All ratings"</button>
                <h1 class="display" tabindex="-1" node_ref=node>"What was said"</h1>
            </div>
            {body}
        </div>
    }
}
