// What waits for a person, as cards; and what was accepted. Every text is set as text, never as HTML.

import { colourOf, drawBoxes, frameOf, make } from "./boxes.js";
import { open } from "./correct.js";

const AT_ONCE = 48; // cards; pictures are asked for when they come into view
const LONG = 200; // characters of a comment that may have to be scrolled
const TOKEN = "review-token";
const CLOSED = "The address is not valid any more: open the one that `python -m cli review page` printed last.";
const ENDED = "The command has ended: start `python -m cli review page` again, and open what it prints.";

const part = (id) => document.getElementById(id);
const state = { project: "", kind: null, labels: [], isComplete: false, waiting: [], accepted: [] };
const cards = new Map(); // of what waits, by id: {card, loaded}
let shown = AT_ONCE;
let shownAccepted = AT_ONCE;

if (location.hash.length > 1) {
  sessionStorage.setItem(TOKEN, location.hash.slice(1)); // for this tab; the history must not keep it
  history.replaceState(null, "", location.pathname);
}

async function ask(path, body) {
  const options = { headers: { "X-Review-Token": sessionStorage.getItem(TOKEN) ?? "" } };
  if (body !== undefined) {
    Object.assign(options, { method: "POST", body: JSON.stringify(body) });
    options.headers["Content-Type"] = "application/json";
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error(ENDED);
  }
  if (answer.ok) return answer;
  if (answer.status === 403) throw new Error(CLOSED);
  const told = await answer.json().catch(() => ({}));
  throw new Error(told.error ?? `The server answered ${answer.status} without saying why.`);
}

async function load() {
  say("problem", "");
  part("again").disabled = true;
  try {
    Object.assign(state, await (await ask("api/state")).json());
  } catch (refused) {
    return say("problem", refused.message);
  } finally {
    part("again").disabled = false;
  }
  document.title = `Review of ${state.project}`;
  part("project").textContent = `Review of ${state.project}`;
  part("again").hidden = part("waiting-part").hidden = part("accepted-part").hidden = false;
  if (state.problem) say("problem", state.problem);
  for (const { element } of cards.values()) element.remove();
  cards.clear();
  drawWaiting();
  drawAccepted();
}

function say(id, text) {
  part(id).textContent = text;
  part(id).hidden = !text;
}

// ---- what waits

function drawWaiting() {
  for (const one of state.waiting.slice(0, shown)) {
    if (cards.has(one.id)) continue;
    const made = cardOf(one);
    cards.set(one.id, made);
    part("waiting").append(made.element);
    if (made.begin) inView.observe(made.element);
  }
  const count = state.waiting.length;
  part("count").hidden = false;
  part("count").dataset.status = count ? "STARTING" : "RUNNING";
  part("count").textContent = count ? `${count} waiting` : "All done";
  part("nothing").hidden = count > 0;
  part("keys").hidden = count === 0;
  part("more").hidden = count <= shown;
}

const inView = new IntersectionObserver(
  (entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      inView.unobserve(entry.target);
      cards.get(entry.target.dataset.id)?.begin();
    }
  },
  { rootMargin: "400px" },
);

function cardOf(one) {
  const element = make("article", "card waits");
  element.dataset.id = one.id;
  element.tabIndex = -1;
  const error = make("p", "error");
  error.setAttribute("role", "alert");
  error.hidden = true;
  const buttons = make("div", "row buttons");
  const card = { one, element, error, buttons, url: null };
  if (one.broken) {
    element.append(place("It cannot be read."), make("p", "error", one.broken), foot(one), error, buttons);
    showButtons(card);
    return card;
  }
  card.picture = place("Looking at the picture …");
  card.picture.style.setProperty("--ratio", one.width / one.height);
  card.begin = () => loadPicture(card);
  element.append(card.picture, saying(one));
  if (one.comment) element.append(quote(one.comment));
  element.append(foot(one));
  const hint = why(one);
  if (hint) element.append(make("p", "hint", hint));
  element.append(error, buttons);
  showButtons(card);
  return card;
}

/** A comment, which scrolls where it is long: with the keyboard, too. */
function quote(text) {
  const made = make("blockquote", "", text);
  if (text.length > LONG) Object.assign(made, { tabIndex: 0 }).setAttribute("aria-label", "Comment");
  return made;
}

/** A place for a picture, with a text while there is none. */
function place(text) {
  const made = make("div", "frame empty");
  made.append(make("p", "", text));
  return made;
}

async function loadPicture(card) {
  let blob;
  try {
    blob = await (await ask(`api/waiting/${encodeURIComponent(card.one.id)}`)).blob();
  } catch (refused) {
    return refuse(card, refused.message);
  }
  try {
    (await createImageBitmap(blob)).close(); // an <img> shows one that breaks off as far as it goes
  } catch {
    return refuse(card, "The browser cannot show this picture: it is damaged, or none at all.");
  }
  card.url = URL.createObjectURL(blob);
  const frame = frameOf(card.url, `What was sent: ${names(card.one).join(", ") || "nothing is there"}`);
  frame.style.setProperty("--ratio", card.one.width / card.one.height);
  drawBoxes(frame, card.one.boxes ?? []);
  card.picture.replaceWith(frame);
  card.picture = frame;
  if (!card.isAsking) showButtons(card);
}

/** What cannot be looked at can only be discarded. */
function refuse(card, text) {
  card.refused = true;
  const empty = place("Not an image");
  card.picture.replaceWith(empty);
  card.picture = empty;
  card.error.textContent = text;
  card.error.hidden = false;
  if (!card.isAsking) showButtons(card);
}

function names(one) {
  return [...new Set(one.labels ?? (one.boxes ?? []).map((box) => box.Name))];
}

function saying(one) {
  const list = make("ul", "chips");
  const counts = new Map();
  for (const box of one.boxes ?? []) counts.set(box.Name, (counts.get(box.Name) ?? 0) + 1);
  for (const name of names(one)) {
    const chip = make("li", `chip ${colourOf(name)}`, name);
    if (counts.get(name) > 1) chip.append(make("span", "times", `× ${counts.get(name)}`));
    if (state.isComplete && !state.labels.includes(name)) chip.append(make("span", "new", "new"));
    list.append(chip);
  }
  if (!list.children.length) list.append(make("li", "chip none", "nothing is there"));
  return list;
}

function foot(one) {
  const text = [one.id];
  if (one.at) text.unshift(moment(one.at), `${one.width} × ${one.height} pixels`);
  return make("p", "dim foot", text.join(" · "));
}

function moment(iso) {
  return new Date(iso).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** Why something cannot be accepted as it is; empty where it can. */
function why(one) {
  if (!names(one).length) return "From a picture of nothing, nothing is learnt: correct or discard it.";
  const kind = one.boxes ? "boxes" : "labels";
  if (state.kind && state.kind !== kind) {
    const has = state.kind === "boxes" ? "boxes" : "labels of whole images";
    return `The training images have ${has}: correct it to be of use.`;
  }
  return "";
}

function button(text, classes, act, enabled = true) {
  const made = Object.assign(make("button", classes, text), { type: "button", disabled: !enabled });
  made.addEventListener("click", act);
  return made;
}

function showButtons(card, focused = "") {
  card.isAsking = false;
  const isReady = Boolean(card.url) && !card.refused;
  const made = [
    button("Accept", "accept", () => accept(card), isReady && !why(card.one)),
    button("Correct", "quiet correct", () => correct(card), isReady),
    button("Discard", "quiet discard", () => confirm(card)),
  ];
  card.buttons.replaceChildren(...(card.one.broken || card.refused ? made.slice(2) : made));
  if (focused) card.buttons.querySelector(`.${focused}`)?.focus();
}

/** Asks whether to discard; a picture that arrives meanwhile leaves the question where it is. */
function confirm(card) {
  card.isAsking = true;
  const question = make("p", "question", "Delete the picture and what was said?");
  const sure = button("Delete", "danger small", () => act(card, "api/discard", { id: card.one.id }, () => "Discarded."));
  const keep = button("Keep", "quiet small", () => showButtons(card, "discard"));
  card.buttons.replaceChildren(question, sure, keep);
  keep.focus(); // so that a key pressed twice deletes nothing
}

function accept(card) {
  return act(card, "api/accept", { id: card.one.id }, accepted);
}

function correct(card) {
  open({
    url: card.url,
    known: state.labels,
    kind: state.kind,
    said: card.one,
    accept: async (said) => {
      const answer = await post("api/accept", { id: card.one.id, said });
      return () => done(card, accepted(answer));
    },
  });
}

function accepted(answer) {
  state.accepted = [answer.accepted, ...state.accepted.filter((one) => one.digest !== answer.accepted.digest)];
  for (const label of answer.accepted.labels) if (!state.labels.includes(label)) state.labels.push(label);
  drawAccepted();
  return [`Accepted as ${answer.accepted.labels.join(", ")}.`, ...answer.notes].join(" ");
}

async function post(path, body) {
  return (await ask(path, body)).json();
}

async function act(card, path, body, told) {
  for (const one of card.buttons.querySelectorAll("button")) one.disabled = true;
  card.error.hidden = true;
  try {
    done(card, told(await post(path, body)));
  } catch (refused) {
    card.error.textContent = refused.message;
    card.error.hidden = false;
    showButtons(card, "discard");
  }
}

/** Takes the card away, and goes on with the next one. */
function done(card, news) {
  const next = card.element.nextElementSibling ?? card.element.previousElementSibling;
  if (card.url) URL.revokeObjectURL(card.url);
  card.element.remove();
  cards.delete(card.one.id);
  state.waiting = state.waiting.filter((one) => one.id !== card.one.id);
  drawWaiting();
  say("news", news);
  const target = next?.querySelector(".buttons button:not(:disabled)") ?? next ?? part("again");
  target.focus();
}

part("waiting").addEventListener("keydown", (event) => {
  const card = cards.get(event.target.closest(".waits")?.dataset.id);
  const chosen = { a: ".accept", c: ".correct", d: ".discard" }[event.key.toLowerCase()];
  if (!card || !chosen || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const pressed = card.buttons.querySelector(chosen);
  if (!pressed) return;
  event.preventDefault();
  pressed.click();
});
part("more").addEventListener("click", () => {
  shown += AT_ONCE;
  drawWaiting();
});
part("again").addEventListener("click", () => {
  say("news", "");
  load();
});

// ---- what was accepted

function drawAccepted() {
  const count = state.accepted.length;
  part("accepted-note").textContent = count
    ? `${count === 1 ? "1 image is" : `${count} images are`} trained on from the next run on.`
    : "Nothing was accepted yet.";
  part("accepted").replaceChildren(...state.accepted.slice(0, shownAccepted).map(rowOf));
  part("more-accepted").hidden = count <= shownAccepted;
}

const thumbnails = new Map(); // addresses of pictures, by digest

function rowOf(one) {
  const row = make("li", "panel");
  const picture = make("div", "thumbnail");
  const text = make("div", "about");
  const list = make("ul", "chips");
  list.append(...one.labels.map((name) => make("li", `chip ${colourOf(name)}`, name)));
  text.append(list, make("p", "dim foot", `${moment(one.at)} · ${one.by.split(":").at(-1)} · ${one.digest.slice(0, 12)}`));
  const error = make("p", "error");
  error.hidden = true;
  text.append(error);
  const withdraw = button("Withdraw", "quiet small", () => confirmWithdrawal(row, one, withdraw, error));
  withdraw.setAttribute("aria-label", `Withdraw the image accepted as ${one.labels.join(", ")}`);
  row.append(picture, text, withdraw);
  thumbnail(one, picture);
  return row;
}

async function thumbnail(one, where) {
  try {
    if (!thumbnails.has(one.digest)) {
      const blob = await (await ask(`api/accepted/${one.digest}`)).blob();
      thumbnails.set(one.digest, URL.createObjectURL(blob));
    }
    where.append(Object.assign(make("img"), { src: thumbnails.get(one.digest), alt: "" }));
  } catch {
    where.append(make("span", "dim", "none")); // who may accept need not be allowed to read it again
  }
}

/** The first press asks, the second one withdraws. */
async function confirmWithdrawal(row, one, pressed, error) {
  if (!pressed.dataset.sure) {
    pressed.dataset.sure = "yes";
    pressed.textContent = "Withdraw?";
    pressed.classList.add("danger");
    pressed.addEventListener("blur", () => {
      delete pressed.dataset.sure;
      pressed.textContent = "Withdraw";
      pressed.classList.remove("danger");
    }, { once: true });
    return;
  }
  try {
    await post("api/withdraw", { digest: one.digest });
  } catch (refused) {
    error.textContent = refused.message;
    error.hidden = false;
    return;
  }
  state.accepted = state.accepted.filter((other) => other.digest !== one.digest);
  drawAccepted();
  say("news", "Withdrawn: a run that makes the training dataset anew leaves it out.");
  part("again").focus();
}

part("more-accepted").addEventListener("click", () => {
  shownAccepted += AT_ONCE;
  drawAccepted();
});

load();
