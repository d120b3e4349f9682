//! Runs that are kept in this browser: look at them, go on with one, export, delete.

use leptos::prelude::*;
use mmedbench::summary::scores;
use mmedbench::{Language, QuestionRecord};

use crate::components::score_table::ScoreTable;
use crate::notices::{Notices, Topic};
use crate::quiz::Quiz;
use crate::route::{Route, go};
use crate::session::{Mode, Session};
use crate::storage::idb::{self, Store};
use crate::text::{percent, when};

#[component]
pub fn HistoryPage() -> impl IntoView {
    let notices = expect_context::<Notices>();
    let runs = RwSignal::new(None::<Vec<Session>>);
    let signal = runs;
    leptos::task::spawn_local(async move {
        match idb::all(Store::Runs).await {
            Ok(stored) => {
                let mut all: Vec<Session> = stored.iter().filter_map(|json| serde_json::from_str(json).ok()).collect();
                all.retain(|s: &Session| !s.questions.is_empty() && s.position < s.len());
                all.sort_by(|a, b| b.started.cmp(&a.started));
                // The page may be gone by now.
                let _ = runs.try_set(Some(all));
            }
            Err(error) => {
                notices.say(Topic::History, format!("The history cannot be read: {}.", error.0));
                let _ = runs.try_set(Some(Vec::new()));
            }
        }
    });
    let total = Memo::new(move |_| {
        runs.with(|runs| {
            let of_finished = runs.iter().flatten().filter(|s| s.finished).flat_map(|s| s.record().questions);
            let questions: Vec<QuestionRecord> = of_finished.collect();
            scores(&questions).1
        })
    });
    let list = move || {
        runs.get().map(|runs| {
            if runs.is_empty() {
                view! { <p class="lead">"Nothing yet. Runs appear here after the first answer."</p> }.into_any()
            } else {
                runs.into_iter()
                    .map(|session| view! { <Run session runs=signal /> })
                    .collect_view()
                    .into_any()
            }
        })
    };
    view! {
        <div class="page">
            <h1 class="display">"History"</h1>
            <p class="lead">"Kept in this browser only."</p>
            {move || total.with(|rows| !rows.is_empty()).then(|| view! { <ScoreTable rows=total.get() /> })}
            <ul class="runs" data-testid="history">{list}</ul>
        </div>
    }
}

#[component]
fn Run(session: Session, runs: RwSignal<Option<Vec<Session>>>) -> impl IntoView {
    let quiz = expect_context::<Quiz>();
    let notices = expect_context::<Notices>();
    let (all, _) = scores(&session.record().questions);
    let share = |tally: mmedbench::summary::Tally| tally.share().map_or("–".to_string(), percent);
    let languages: Vec<&str> = Language::ALL
        .into_iter()
        .filter(|l| session.questions.iter().any(|q| q.language == *l))
        .map(Language::own_name)
        .collect();
    let mode = if session.mode == Mode::Exam { "Exam" } else { "Practice" };
    let facts = format!("{mode} · {} · {}", session.title, languages.join(", "));
    let when = when(&session.started);
    let result = if session.finished {
        format!("You {} · model {}", share(all.student), share(all.model))
    } else {
        format!("Open: {} of {} answered", session.answered(), session.len())
    };
    let id = session.id.clone();
    let remove = move |_| {
        let id = id.clone();
        leptos::task::spawn_local(async move {
            match idb::delete(&[Store::Runs], &id).await {
                Ok(()) => {
                    // The page may be gone by now.
                    let _ = runs.try_update(|runs| runs.iter_mut().for_each(|r| r.retain(|s| s.id != id)));
                }
                Err(error) => notices.say(Topic::History, format!("The run could not be deleted: {}.", error.0)),
            }
        });
    };
    let label = if session.finished { "Open" } else { "Go on" };
    let about = format!("{label}: {when}, {facts}");
    let open = move |_| {
        // A run that is not finished goes on with the model; a finished one is only looked at.
        quiz.open(session.clone(), !session.finished);
        go(Route::Quiz);
    };
    view! {
        <li class="run-item" data-testid="history-run">
            <div>
                <p><strong>{when}</strong></p>
                <p class="quiet">{facts}</p>
                <p>{result}</p>
            </div>
            <div class="panel-row">
                <button type="button" class="button small" aria-label=about on:click=open>{label}</button>
                <button type="button" class="link" on:click=remove>"Delete"</button>
            </div>
        </li>
    }
}
