//! The questions of a run, a page of them at a time, and one of them whole: prompt, options with probabilities, text. Lines are read from the
//! stored record when they are shown.

use leptos::prelude::*;
use mmedbench::{Question, QuestionRecord};

use crate::benchmark::Bench;
use crate::benchmark::marks::Show;
use crate::text::percent;

const PER_PAGE: usize = 20;

#[component]
pub fn Questions() -> impl IntoView {
    let bench = expect_context::<Bench>();
    let show = RwSignal::new(Show::All);
    let page = RwSignal::new(0usize);
    let total = Memo::new(move |_| bench.opened.with(|o| o.as_ref().map_or(0, |o| o.marks.total(show.get()))));
    let pages = move || total.get().div_ceil(PER_PAGE).max(1);
    let current = Memo::new(move |_| page.get().min(pages() - 1));
    // While a run is at work, rows that are there stay as they are.
    let places = Memo::new(move |_| {
        bench.opened.with(|o| {
            o.as_ref()
                .map(|o| o.marks.page(show.get(), current.get(), PER_PAGE))
                .unwrap_or_default()
        })
    });
    let lines = RwSignal::new(Vec::<(usize, QuestionRecord)>::new());
    Effect::new(move || {
        let wanted = places.get();
        leptos::task::spawn_local(async move {
            let read = bench.lines(wanted.clone()).await;
            // Another page may have been turned to meanwhile, or the view left.
            if places.try_get_untracked().as_ref() == Some(&wanted) {
                lines.try_set(wanted.into_iter().zip(read).collect());
            }
        });
    });
    let rows = move || lines.with(|lines| lines.iter().map(|(place, line)| row(bench, line, *place)).collect::<Vec<_>>());
    let choose = move |event: web_sys::Event| {
        page.set(0);
        show.set(match event_target_value(&event).as_str() {
            "wrong" => Show::Wrong,
            "unread" => Show::Unread,
            _ => Show::All,
        });
    };
    view! {
        <section class="block">
            <div class="between">
                <h2 class="section-title">"Questions"</h2>
                <select class="field" style="width: auto" aria-label="Which questions are listed" data-testid="bench-questions-filter" on:change=choose>
                    <option value="all">"All"</option>
                    <option value="wrong">"Answered wrong"</option>
                    <option value="unread">"No answer could be read"</option>
                </select>
            </div>
            <ul class="misses" data-testid="bench-questions">{rows}</ul>
            <Pager pages=Signal::derive(pages) page />
        </section>
    }
}

/// Turns pages of a list.
#[component]
pub fn Pager(pages: Signal<usize>, page: RwSignal<usize>) -> impl IntoView {
    let current = move || page.get().min(pages.get().max(1) - 1);
    // In an attribute of a view a greater-than sign would end the tag.
    let single = move || pages.get() < 2;
    let last = move || current() + 1 == pages.get().max(1);
    view! {
        <div class="pager" class:is-hidden=single>
            <button type="button" class="button small" disabled=move || current() == 0 on:click=move |_| page.set(current().saturating_sub(1))>"Back"</button>
            <span class="quiet">{move || format!("Page {} of {}", current() + 1, pages.get())}</span>
            <button type="button" class="button small" disabled=last on:click=move |_| page.set(current() + 1)>"Next"</button>
        </div>
    }
}

fn row(bench: Bench, record: &QuestionRecord, place: usize) -> AnyView {
    let text = bench.opened.with_untracked(|o| {
        let question = o.as_ref().and_then(|o| o.asked.question(&record.question_hash));
        question.map_or(record.id.clone(), |q| q.question.clone())
    });
    let facts = format!(
        "{} · answers {} · right {}",
        record.id,
        record
            .prediction
            .as_deref()
            .filter(|p| !p.is_empty())
            .unwrap_or("nothing that could be read"),
        record.gold
    );
    let right = record.correct == Some(true);
    view! {
        <li>
            <button type="button" class="miss" data-testid="bench-question" on:click=move |_| bench.question.set(Some(place))>
                <span class="miss-text" lang=record.language.code()>
                    <span class="verdict-small" class:is-right=right class:is-wrong=!right>{if right { "✓ " } else { "✗ " }}</span>
                    {text}
                </span>
                <span class="quiet">{facts}</span>
            </button>
        </li>
    }
    .into_any()
}

/// One question, whole.
#[component]
pub fn OneQuestion(place: usize) -> impl IntoView {
    let bench = expect_context::<Bench>();
    let line = RwSignal::new(None::<QuestionRecord>);
    leptos::task::spawn_local(async move {
        let read = bench.lines(vec![place]).await.into_iter().next();
        // The page may have been left meanwhile.
        line.try_set(read);
    });
    move || line.get().map(|record| view! { <OneLine place record /> })
}

#[component]
fn OneLine(place: usize, record: QuestionRecord) -> impl IntoView {
    let bench = expect_context::<Bench>();
    let found = bench.opened.with_untracked(|o| {
        let o = o.as_ref()?;
        let question = o.asked.question(&record.question_hash).cloned();
        let prompt = question.as_ref().map(|_| o.asked.prompt(&record));
        Some((question, prompt, o.run.done))
    });
    let node = NodeRef::<leptos::html::H1>::new();
    Effect::new(move || {
        if let Some(title) = node.get() {
            // A heading with a tabindex takes the focus.
            let _ = title.focus();
        }
    });
    let Some((question, prompt, total)) = found else {
        return view! { <p>"This question is not there any more."</p> }.into_any();
    };
    let right = record.correct == Some(true);
    let said = record
        .prediction
        .clone()
        .filter(|p| !p.is_empty())
        .unwrap_or("nothing that could be read".into());
    let last = place + 1 >= total;
    let verdict = format!("The model answers {said}; right is {}.", record.gold);
    let facts = facts(&record);
    let options = options(&record, question.as_ref());
    let written = record.text.clone().map(|text| {
        view! {
            <section class="block"><h2 class="block-title">"What the model wrote"</h2>
                <p class="verbatim" lang=record.language.code() tabindex="0">{text}</p></section>
        }
    });
    let stem = match &question {
        Some(q) => view! { <p class="stem is-long" lang=q.language.code()>{q.question.clone()}</p> }.into_any(),
        None => view! { <p class="quiet">"The text of this question is not in the record, and no data in this browser has it. Open the file that it is from under “Your own questions”."</p> }
            .into_any(),
    };
    let asked = prompt.map(|prompt| {
        view! {
            <section class="block"><h2 class="block-title">"The prompt"</h2>
                <pre tabindex="0" data-testid="bench-question-prompt">{prompt}</pre></section>
        }
    });
    view! {
        <div class="asked" data-testid="bench-one">
            <div class="pager">
                <button type="button" class="button small" on:click=move |_| bench.question.set(None)>"Back to the run"</button>
                <span class="panel-row">
                    <button type="button" class="button small" disabled=place == 0 on:click=move |_| bench.question.set(Some(place - 1))>"Previous"</button>
                    <button type="button" class="button small" disabled=last on:click=move |_| bench.question.set(Some(place + 1))>"Next"</button>
                </span>
            </div>
            <h1 class="section-title" tabindex="-1" node_ref=node>{format!("Question {} of {total}", place + 1)}</h1>
            {stem}
            <p class="verdict" class:is-right=right class:is-wrong=!right>
                <span class="verdict-sign" aria-hidden="true">{if right { "✓" } else { "✗" }}</span>{verdict}
            </p>
            <ul class="bars">{options}</ul>
            {written}
            {asked}
            <dl class="facts">{facts}</dl>
        </div>
    }
    .into_any()
}

fn options(record: &QuestionRecord, question: Option<&Question>) -> Vec<AnyView> {
    let shares: Vec<f64> = record.option_log_probabilities.iter().flatten().map(|lp| lp.exp()).collect();
    let n = question.map_or(shares.len(), |q| q.options.len());
    let has = |letters: &str, letter: char| letters.split(',').any(|l| l.chars().eq([letter]));
    let one = |place: usize| {
        let (letter, text) = match question {
            Some(q) => q.options[place].clone(),
            None => ((b'A' + place as u8) as char, String::new()),
        };
        let is_key = has(&record.gold, letter);
        let chosen = record.prediction.as_deref().is_some_and(|p| has(p, letter));
        let share = shares.get(place).copied();
        view! {
            <li class="bar-row has-text" class:is-key=is_key class:is-chosen=chosen>
                <span class="bar-letter">{letter.to_string()}</span>
                <span class="bar-text" lang=record.language.code()>{text}</span>
                <span class="bar" aria-hidden="true"><span class="bar-fill" style:width=format!("{:.1}%", share.unwrap_or(0.0) * 100.0)></span></span>
                <span class="bar-number">{share.map_or("–".to_string(), percent)}</span>
                <span class="bar-mark" aria-label=if is_key { "right answer" } else { "" }>{if is_key { "✓" } else { "" }}</span>
            </li>
        }
        .into_any()
    };
    (0..n).map(one).collect()
}

fn facts(record: &QuestionRecord) -> Vec<AnyView> {
    let number = |n: Option<u32>| n.map(|n| n.to_string()).unwrap_or_default();
    let all = [
        ("Id", record.id.clone()),
        ("Source", record.source.clone()),
        ("Protocol", record.protocol.clone().unwrap_or_default()),
        ("Read by the rule", record.rule.clone().unwrap_or_default()),
        ("Tokens of the prompt", number(record.tokens)),
        ("Tokens cut from its left", number(record.truncated_tokens)),
        ("Tokens written", number(record.written_tokens)),
        ("Time", record.milliseconds.map(|ms| format!("{ms:.0} ms")).unwrap_or_default()),
        (
            "Hash of the question",
            record.question_hash.get(..16).unwrap_or_default().to_string(),
        ),
    ];
    all.into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| view! { <dt>{name}</dt><dd>{value}</dd> }.into_any())
        .collect()
}
