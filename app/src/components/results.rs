//! The end of a run: student and model side by side, the misses with a way back into each, exports.

use leptos::prelude::*;
use mmedbench::summary::{Tally, scores};

use crate::components::score_table::ScoreTable;
use crate::download::save;
use crate::engine::ModelState;
use crate::pick::Random;
use crate::quiz::Quiz;
use crate::session::{Mode, Session};
use crate::text::{count, percent};

#[component]
pub fn Results() -> impl IntoView {
    let quiz = expect_context::<Quiz>();
    let of = move |f: fn(&Session) -> String| move || quiz.session.with(|s| s.as_ref().map(f).unwrap_or_default());
    let summary = Memo::new(move |_| quiz.session.with(|s| s.as_ref().map(|s| scores(&s.record().questions))));
    let node = NodeRef::<leptos::html::H1>::new();
    Effect::new(move || {
        if let Some(title) = node.get() {
            // A heading with a tabindex takes the focus.
            let _ = title.focus();
            window().scroll_to_with_x_and_y(0.0, 0.0);
        }
    });
    let big = |tally: Option<Tally>, none: &'static str| match tally.filter(|t| t.total > 0) {
        Some(t) => (format!("{} / {}", t.correct, t.total), percent(t.share().unwrap_or(0.0))),
        None => ("–".to_string(), none.to_string()),
    };
    let student = move || big(summary.get().map(|(all, _)| all.student), "");
    let model = move || big(summary.get().map(|(all, _)| all.model), "not asked");
    let model_name = move || {
        quiz.session
            .with(|s| s.as_ref().and_then(|s| s.model.as_ref().map(|m| m.name.clone())))
            .unwrap_or_else(|| "Model".into())
    };
    let waiting = move || {
        let (all, _) = summary.get()?;
        let missing = all.student.total - all.model.total;
        let ready = quiz.engine.state.with(|s| matches!(s, ModelState::Ready { .. }));
        (ready && quiz.is_asking() && missing > 0)
            .then(|| format!("The model is still answering; {} to go.", count(missing, "question", "questions")))
    };
    let export = move |kind: &'static str| {
        move |_| {
            quiz.session.with_untracked(|s| {
                let Some(s) = s else { return };
                let record = s.record();
                match kind {
                    "csv" => save(&format!("mmedkit-{}.csv", s.id), "text/csv", &record.to_csv()),
                    _ => save(&format!("mmedkit-{}.jsonl", s.id), "application/jsonl", &record.to_jsonl()),
                }
            })
        }
    };
    let practise_misses = move |_| {
        let misses = quiz.session.with_untracked(|s| {
            s.as_ref().map(|s| {
                (
                    s.seed,
                    s.title.clone(),
                    s.misses().into_iter().map(|i| s.questions[i].clone()).collect::<Vec<_>>(),
                )
            })
        });
        if let Some((seed, title, mut questions)) = misses {
            Random::new(seed ^ 1).shuffle(&mut questions);
            quiz.begin(questions, Mode::Practice, seed ^ 1, title, 0);
        }
    };
    let misses = Memo::new(move |_| quiz.session.with(|s| s.as_ref().map(Session::misses).unwrap_or_default()));
    let item = move |index: usize| {
        quiz.session.with_untracked(|s| {
            let s = s.as_ref()?;
            let question = s.questions.get(index)?;
            let entry = &s.entries[index];
            let yours = entry.answer.as_ref().map_or("none".to_string(), mmedbench::letters_to_string);
            let models = entry
                .model
                .as_ref()
                .map(|m| format!(" · model {}", mmedbench::letters_to_string(&m.prediction)))
                .unwrap_or_default();
            let facts = format!("Yours {yours} · right {}{models}", question.answer_idx());
            Some(view! {
                <li>
                    <button type="button" class="miss" data-testid="review" on:click=move |_| quiz.review(index)>
                        <span class="miss-text" lang=question.language.code()>{question.question.clone()}</span>
                        <span class="quiet">{facts}</span>
                    </button>
                </li>
            })
        })
    };
    let right = move || {
        let misses = misses.get();
        let len = quiz.session.with(|s| s.as_ref().map_or(0, Session::len));
        (0..len).filter(|i| !misses.contains(i)).collect::<Vec<_>>()
    };

    view! {
        <div class="results">
            <p class="meta">
                <span>{of(|s| s.title.clone())}</span>
                <span>{of(|s| if s.mode == Mode::Exam { "Exam".into() } else { "Practice".into() })}</span>
                <span>{of(|s| s.started.get(..10).unwrap_or_default().to_string())}</span>
            </p>
            <h1 class="display" tabindex="-1" node_ref=node>"Result"</h1>
            <div class="two scores-big">
                <section class="score-card of-student">
                    <h2 class="label">"You"</h2>
                    <p class="score-number" data-testid="result-score">{move || student().0}</p>
                    <p class="quiet">{move || student().1}</p>
                </section>
                <section class="score-card of-model">
                    <h2 class="label">{model_name}</h2>
                    <p class="score-number" data-testid="result-model-score">{move || model().0}</p>
                    <p class="quiet">{move || waiting().unwrap_or_else(|| model().1)}</p>
                </section>
            </div>
            {move || summary.get().map(|(_, rows)| view! { <ScoreTable rows /> })}
            <p class="small quiet">"Several right answers count only if all of them, and no other, are given."</p>
            <section class="block">
                <h2 class="block-title">
                    {move || match misses.get().len() {
                        0 => "Nothing missed".to_string(),
                        n => format!("Missed: {}", count(n, "question", "questions")),
                    }}
                </h2>
                <ul class="misses" data-testid="misses">{move || misses.get().into_iter().map(item).collect_view()}</ul>
                <details class="more" class:is-hidden=move || right().is_empty()>
                    <summary>"The ones you got right"</summary>
                    <ul class="misses">{move || right().into_iter().map(item).collect_view()}</ul>
                </details>
            </section>
            <div class="panel-row wrap">
                <button type="button" class="button primary" data-testid="quiz-new" on:click=move |_| quiz.leave()>"New quiz"</button>
                <button type="button" class="button" class:is-hidden=move || misses.get().is_empty() data-testid="practise-misses"
                    on:click=practise_misses>"Practise what you missed"</button>
                <button type="button" class="button" data-testid="export-jsonl" on:click=export("jsonl")>"Export JSONL"</button>
                <button type="button" class="button" data-testid="export-csv" on:click=export("csv")>"Export CSV"</button>
            </div>
        </div>
    }
}
