//! What this is, what it is not, where the questions come from.

use leptos::prelude::*;

use crate::library::{Library, SampleSource};

#[component]
pub fn AboutPage() -> impl IntoView {
    let library = expect_context::<Library>();
    let sources = move || {
        library
            .samples
            .get()
            .into_iter()
            .map(|source| view! { <Source source /> })
            .collect_view()
    };
    let key = |key: &'static str| view! { <kbd>{key}</kbd> };
    view! {
        <div class="page prose-page">
            <h1 class="display">"About"</h1>
            <p class="lead">
                "mmedkit is a quiz on medical exam questions in six languages, beside a language model that runs in your browser, on your own graphics card where that works."
            </p>

            <h2 class="section-title">"Not for medical use"</h2>
            <p>
                "Exam keys age, and some are wrong. A language model writes sentences that sound right whether or not they are. Nothing here is advice for anyone’s care."
            </p>

            <h2 class="section-title">"The demo model"</h2>
            <p>
                "The model that comes with this page has a few million parameters and was trained for minutes, to show the whole path from text to a model in a browser. Its answers are near chance, and its explanations are word salad. For real answers, load one of the models on the "
                <a href="#/models">"Models"</a> " page. "
                <a href="models/README.md" target="_blank" rel="noopener">"How the demo model was made"</a>
            </p>

            <h2 class="section-title">"How the model answers"</h2>
            <p>
                "It reads the question in the wording of the MMedBench paper (“answer only”) and gives a probability to each option’s letter. Where several answers are right, it gives one to every set of letters. The bars are those probabilities, not a promise. Its explanation is a second text, written afterwards: it need not agree with the letters."
            </p>

            <h2 class="section-title">"Your data"</h2>
            <p>
                "Questions, answers and models stay in this browser’s storage. There is no account and no server that sees them. Clearing this site’s data deletes everything; runs can be exported before."
            </p>
            <p>
                "MMedBench itself may not be passed on with programs like this one (CC BY-NC). If you have a copy, open its folder or zip archive on the quiz page."
            </p>

            <h2 class="section-title">"Keyboard"</h2>
            <ul class="keys">
                <li>{key("A")} "–" {key("J")} " or " {key("1")} "–" {key("9")} " choose an option"</li>
                <li>{key("Enter")} " answers, then goes on"</li>
                <li>{key("←")} " " {key("→")} " move between questions, " {key("↑")} " " {key("↓")} " between options"</li>
            </ul>

            <h2 class="section-title">"Sample questions: sources and licences"</h2>
            <ul class="sources" data-testid="sources">{sources}</ul>
            <p class="small quiet">
                <a href="questions/ATTRIBUTION.md" target="_blank" rel="noopener">"The full notices"</a>
            </p>
        </div>
    }
}

#[component]
fn Source(source: SampleSource) -> impl IntoView {
    view! {
        <li class="source">
            <p>
                <strong>{source.title}</strong> " · " {source.language.own_name()} " · " {source.questions} " questions · "
                <a href=source.licence_url target="_blank" rel="noopener license">{source.licence}</a>
            </p>
            <p class="quiet small">{source.about} ". " {source.attribution} ". " {source.changes} ". "
                <a href=source.url target="_blank" rel="noopener">"Source"</a></p>
        </li>
    }
}
