//! One question with the texts of all sources, blind: a score for each, then the next.

use leptos::prelude::*;
use mmedbench::rating::{ANCHORS, QUESTION};

use crate::rating::Rate;

#[component]
pub fn OneSheet() -> impl IntoView {
    let rate = expect_context::<Rate>();
    let node = NodeRef::<leptos::html::H1>::new();
    Effect::new(move || {
        if let Some(title) = node.get() {
            // A heading with a tabindex takes the focus.
            let _ = title.focus();
            window().scroll_to_with_x_and_y(0.0, 0.0);
        }
    });
    let since = js_sys::Date::now();
    let found = rate.opened.with_untracked(|o| {
        let o = o.as_ref()?;
        let sheet = o.left.first()?.clone();
        let item = o.study.items.get(sheet.item)?;
        let texts: Vec<String> = sheet.order.iter().map(|&place| item.texts[place].clone()).collect();
        Some((
            o.question(&sheet).cloned()?,
            texts,
            o.study.items.len() - o.left.len(),
            o.study.items.len(),
        ))
    });
    let Some((question, texts, done, all)) = found else {
        return view! { <p>"This question is not there any more."</p> }.into_any();
    };
    let lang = question.language.code();
    let scores = RwSignal::new(vec![None::<u8>; texts.len()]);
    let whole = Memo::new(move |_| scores.with(|s| s.iter().all(Option::is_some)));
    let save = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if let Some(scores) = scores.with_untracked(|s| s.iter().copied().collect::<Option<Vec<u8>>>()) {
            rate.judge(scores, js_sys::Date::now() - since);
        }
    };
    let options = question.options.iter().map(|(letter, text)| {
        let is_key = question.answer.contains(letter);
        view! {
            <li class:is-key=is_key>
                <span class="bar-letter">{letter.to_string()}</span>
                <span lang=lang>{text.clone()}</span>
                {is_key.then(|| view! { <span class="right-mark">"✓ right"</span> })}
            </li>
        }
        .into_any()
    });
    let options = options.collect::<Vec<_>>();
    let text = |(place, text): (usize, String)| {
        let choices = ANCHORS.iter().map(move |anchor| {
            let score = anchor.score;
            view! {
                <label class="pick" class:is-on=move || scores.with(|s| s[place] == Some(score)) title=anchor.says>
                    <input type="radio" class="visually-hidden" name=format!("text-{place}") value=score.to_string() data-testid=format!("rate-{place}-{score}")
                        prop:checked=move || scores.with(|s| s[place] == Some(score)) on:change=move |_| scores.update(|s| s[place] = Some(score)) />
                    <strong>{score.to_string()}</strong>" "{anchor.name}
                </label>
            }
            .into_any()
        });
        view! {
            <fieldset class="rated" data-testid="rate-text">
                <legend class="label">{format!("Text {}", place + 1)}</legend>
                <p class="rated-text" lang=lang>{text}</p>
                <div class="picks">{choices.collect::<Vec<_>>()}</div>
            </fieldset>
        }
        .into_any()
    };
    let texts = texts.into_iter().enumerate().map(text).collect::<Vec<_>>();
    let anchors = ANCHORS
        .iter()
        .map(|anchor| view! { <dt>{format!("{} {}", anchor.score, anchor.name)}</dt><dd>{anchor.says}</dd> }.into_any());
    view! {
        <form class="asked" on:submit=save data-testid="rate-sheet" data-done=done.to_string()>
            <div class="pager">
                <button type="button" class="button small" on:click=move |_| rate.close()>"Pause"</button>
                <span class="quiet">"What was said is shown when all is judged."</span>
            </div>
            <progress class="progress" aria-label="Questions judged" max=all.to_string() value=done.to_string()></progress>
            <h1 class="section-title" tabindex="-1" node_ref=node>{format!("Question {} of {all}", done + 1)}</h1>
            <p class="stem is-long" lang=lang>{question.question.clone()}</p>
            <ul class="plain-list key-options">{options}</ul>
            <p>{QUESTION}</p>
            <details class="more" open=done == 0>
                <summary>"The scale"</summary>
                <dl class="facts">{anchors.collect::<Vec<_>>()}</dl>
            </details>
            {texts}
            <div class="panel-row wrap">
                <button type="submit" class="button primary large" data-testid="rate-save" disabled=move || !whole.get()>"Save and go on"</button>
                <span class="quiet">"Texts may get the same score."</span>
            </div>
        </form>
    }
    .into_any()
}
