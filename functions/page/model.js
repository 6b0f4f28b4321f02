// The panel that tells of the live model, and wakes it.

import { ask } from "./api.js";
import { make } from "./boxes.js";

const AGAIN = 15_000; // milliseconds between looks at a model that starts
const SLEEPS = ["STOPPED", "TRAINING_COMPLETED", "COPYING_COMPLETED", "FAILED"];

export class ModelPanel {
  #panel;
  #pill;
  #project;
  #timer = 0;
  model = null;

  constructor(panel, pill, project) {
    this.#panel = panel;
    this.#pill = pill;
    this.#project = project;
    document.addEventListener("visibilitychange", () => this.#watch());
  }

  /** Asks for the model and shows it; what the API refuses is raised only where the key is at fault. */
  async refresh() {
    try {
      this.model = await ask("GET", "model");
      this.#show();
    } catch (error) {
      if (error.status === 403) throw error;
      this.model = null;
      this.#pill.hidden = true;
      this.#panel.replaceChildren(make("p", "error", error.message), this.#button("Look again", () => this.refresh()));
    }
    this.#watch();
  }

  /** The confidence, in percent, from which a label counts by the model's own threshold. */
  threshold(name) {
    const label = this.model?.labels?.find((one) => one.name === name);
    return label ? label.threshold * 100 : 50;
  }

  get labels() {
    return (this.model?.labels ?? []).map((one) => one.name);
  }

  get mayWake() {
    return Boolean(this.model?.canWake) && SLEEPS.includes(this.model.status);
  }

  async wake() {
    const told = await ask("POST", "model/start", {});
    this.model = { ...this.model, status: told.status };
    this.#show();
    this.#watch();
  }

  forget() {
    clearTimeout(this.#timer);
    this.model = null;
    this.#pill.hidden = true;
  }

  #watch() {
    clearTimeout(this.#timer);
    if (["STARTING", "STOPPING"].includes(this.model?.status) && !document.hidden) {
      this.#timer = setTimeout(() => this.refresh().catch(() => {}), AGAIN);
    }
  }

  #show() {
    const model = this.model;
    this.#project.textContent = model.project;
    document.title = `${model.project}: try the model`;
    this.#pill.hidden = false;
    this.#pill.textContent = model.status.replaceAll("_", " ").toLowerCase();
    document.body.dataset.status = this.#pill.dataset.status = model.status;
    const facts = make("dl", "facts");
    const say = (term, text) => facts.append(make("dt", "", term), make("dd", "", text));
    say("Version", model.name);
    if (model.since) say("Live since", new Date(model.since).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }));
    if (model.metrics) {
      for (const [term, key] of [["F1", "f1"], ["Precision", "precision"], ["Recall", "recall"]]) {
        say(term, model.metrics[key].toFixed(3));
      }
      say("Test images", String(model.metrics.testImages));
    }
    const cost = model.costPerHour.toLocaleString(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
    say("Cost", `about ${cost} USD an hour while it runs`);
    this.#panel.replaceChildren(facts, ...this.#labelTable(), ...this.#waking());
  }

  #labelTable() {
    if (!this.model.labels?.length) return [];
    const details = make("details");
    const table = make("table");
    const head = make("tr");
    head.append(...["Label", "F1", "Threshold"].map((text) => Object.assign(make("th", "", text), { scope: "col" })));
    table.append(head);
    for (const one of this.model.labels) {
      const row = make("tr");
      row.append(make("td", "", one.name), make("td", "", one.f1.toFixed(3)), make("td", "", `${(one.threshold * 100).toFixed(0)} %`));
      table.append(row);
    }
    const scroll = make("div", "scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", "Labels");
    scroll.append(table);
    details.append(make("summary", "", `${this.model.labels.length} labels`), scroll);
    return [details];
  }

  #waking() {
    if (this.model.status === "STARTING") return [make("p", "dim", "It is starting, which takes some minutes.")];
    if (this.model.status === "RUNNING") return [];
    if (!this.mayWake) return [make("p", "dim", "It does not run now, and this page may not start it.")];
    const said = make("p", "error");
    const button = this.#button("Wake the model", async () => {
      button.disabled = true;
      said.textContent = "";
      try {
        await this.wake();
      } catch (error) {
        said.textContent = error.message;
        button.disabled = false;
      }
    });
    return [make("p", "dim", "It sleeps. Once awake it bills by the hour until it is stopped."), button, said];
  }

  #button(text, act) {
    const button = make("button", "", text);
    button.type = "button";
    button.addEventListener("click", act);
    return button;
  }
}
