//! Models: what is loaded, what is kept in this browser, what is on offer.

use leptos::prelude::*;
use worker::protocol::{Models, Source};

use crate::catalogue::{Catalogue, Offer, PromptStyle};
use crate::components::model_panel::ModelPanel;
use crate::engine::{Engine, ModelState, Wanted};
use crate::files::fetch_json;
use crate::notices::{Notices, Topic};
use crate::text::{bytes, parameters};

#[component]
pub fn ModelsPage() -> impl IntoView {
    let offers = RwSignal::new(Vec::<Offer>::new());
    let notices = expect_context::<Notices>();
    leptos::task::spawn_local(async move {
        match fetch_json::<Catalogue>("models/catalogue.json").await {
            // The page may be gone by now.
            Ok(catalogue) => drop(offers.try_set(catalogue.models)),
            Err(problem) => notices.say(Topic::Model, format!("The catalogue of models is missing. {problem}.")),
        }
    });
    let list = move || offers.get().into_iter().map(|offer| view! { <OfferItem offer /> }).collect_view();
    view! {
        <div class="page">
            <h1 class="display">"Models"</h1>
            <p class="lead">
                "A model is loaded once and then kept in this browser. Larger ones answer better and need a GPU; the numbers below say how much memory."
            </p>
            <div class="columns">
                <ModelPanel />
                <Kept offers />
            </div>
            <h2 class="section-title">"On offer"</h2>
            <ul class="offers">{list}</ul>
        </div>
    }
}

#[component]
fn OfferItem(offer: Offer) -> impl IntoView {
    let engine = expect_context::<Engine>();
    let facts = [
        offer.parameters.map(|n| format!("{} parameters", parameters(n))),
        offer.quantization.clone(),
        Some(offer.size()),
        Some(format!("needs about {} of GPU memory", bytes(offer.gpu_memory_bytes))),
    ];
    let facts = facts.into_iter().flatten().collect::<Vec<_>>().join(" · ");
    let site = offer
        .url
        .split('/')
        .nth(2)
        .filter(|_| offer.url.contains("://"))
        .map(str::to_string);
    let licence = match offer.licence_url.clone() {
        Some(url) => view! { <a href=url target="_blank" rel="noopener">{offer.licence.clone()}</a> }.into_any(),
        None => view! { <span>{offer.licence.clone()}</span> }.into_any(),
    };
    let wanted = wanted(&offer);
    view! {
        <li class="offer">
            <div>
                <p><strong>{offer.name.clone()}</strong></p>
                <p>{offer.about.clone()}</p>
                <p class="quiet">{facts}</p>
                <p class="quiet small">
                    {site.map(|site| format!("From {site}. "))} "Licence: " {licence} ". "
                    {(!offer.checked).then_some("Not tried with this version; the address may have changed.")}
                </p>
            </div>
            <button type="button" class="button" aria-label=format!("Load {}", offer.name) on:click=move |_| engine.load(wanted.clone())>"Load"</button>
        </li>
    }
}

fn wanted(offer: &Offer) -> Wanted {
    if offer.id == "demo" {
        return Wanted::demo();
    }
    let source = Source::Url {
        url: offer.url.clone(),
        sha256: offer.sha256.clone(),
        name: None,
    };
    Wanted {
        name: offer.name.clone(),
        source,
        file: None,
        prompt: offer.prompt,
    }
}

/// Models kept in this browser. Listed again whenever a load has ended; the engine is not started only to list.
#[component]
fn Kept(offers: RwSignal<Vec<Offer>>) -> impl IntoView {
    let engine = expect_context::<Engine>();
    let notices = expect_context::<Notices>();
    let kept = RwSignal::new(None::<Models>);
    let list = move || {
        leptos::task::spawn_local(async move {
            // A failure here is not worth a notice: the list stays as it is.
            if let Ok(models) = engine.stored_models().await {
                let _ = kept.try_set(Some(models));
            }
        });
    };
    let settled = Memo::new(move |_| {
        engine
            .state
            .with(|s| matches!(s, ModelState::Ready { .. } | ModelState::Failed { .. }))
    });
    Effect::new(move || {
        if settled.get() {
            list();
        }
    });
    let remove = move |name: String| {
        leptos::task::spawn_local(async move {
            if let Err(failure) = engine.delete_model(name).await {
                notices.say(Topic::Model, format!("The model could not be deleted: {}", failure.message));
            }
            list();
        });
    };
    let rows = move || {
        let models = kept.get()?.models;
        let rows = models.into_iter().map(|model| {
            let partly = (model.stored < model.bytes).then(|| format!("{} of ", bytes(model.stored)));
            let offer = offers.with(|all| all.iter().find(|o| model.url.as_deref() == Some(o.url.as_str())).cloned());
            let wanted = match (&offer, &model.url) {
                // By its address, so that what is missing is fetched.
                (Some(offer), _) => wanted(offer),
                (None, Some(url)) if partly.is_some() => Wanted {
                    name: model.name.clone(),
                    source: Source::Url {
                        url: url.clone(),
                        sha256: None,
                        name: Some(model.name.clone()),
                    },
                    file: None,
                    prompt: PromptStyle::Chat,
                },
                _ => Wanted {
                    name: model.name.clone(),
                    source: Source::Stored { name: model.name.clone() },
                    file: None,
                    prompt: PromptStyle::Chat,
                },
            };
            let title = offer.map_or(model.name.clone(), |o| o.name);
            let name = model.name.clone();
            view! {
                <li class="between" data-testid="stored-model">
                    <span><strong>{title}</strong> <span class="quiet">" · " {partly} {bytes(model.bytes)}</span></span>
                    <span class="panel-row">
                        <button type="button" class="button small" on:click=move |_| engine.load(wanted.clone())>"Load"</button>
                        <button type="button" class="link" aria-label=format!("Delete {name}") on:click={
                            let name = name.clone();
                            move |_| remove(name.clone())
                        }>"Delete"</button>
                    </span>
                </li>
            }
        });
        Some(rows.collect_view())
    };
    let space = move || {
        kept.get()
            .filter(|k| k.quota > 0)
            .map(|k| format!("This site uses {} of the {} it may use.", bytes(k.usage), bytes(k.quota)))
    };
    let empty = move || kept.with(|k| k.as_ref().is_none_or(|k| k.models.is_empty()));
    view! {
        <section class="panel" aria-labelledby="kept-title">
            <h2 class="panel-title" id="kept-title">"Kept in this browser"</h2>
            <p class="quiet">{move || empty().then_some("Models that are loaded from an address are listed here.")}</p>
            <ul class="plain-list">{rows}</ul>
            <p class="quiet small">{space}</p>
        </section>
    }
}
