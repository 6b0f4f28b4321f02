// Boxes over a picture: drawing them, and editing them by mouse, touch and keyboard.
//
// A box is {Name, BoundingBox: {Left, Top, Width, Height}} in ratios of the picture, as the API has it.
//   frameOf(url, alt)                        a picture that fills its frame, in its own proportions
//   drawBoxes(frame, boxes)                  shows boxes over the picture of `frame`
//   new BoxEditor(place, url, options)       puts an editor into `place`; `.boxes` are the boxes as they stand
//   colourOf(name)                           the class that gives a label its colour, the same wherever it appears

const COLOURS = 8;
const SMALLEST = 0.01; // of a side; less is taken for a click
const STEP = 0.01;

const colours = new Map();

export function colourOf(name) {
  if (!colours.has(name)) colours.set(name, `colour-${colours.size % COLOURS}`);
  return colours.get(name);
}

/** An element with a class and a text; text is never taken for HTML. */
export function make(tag, classes = "", text = "") {
  const element = document.createElement(tag);
  if (classes) element.className = classes;
  if (text) element.textContent = text;
  return element;
}

/** A frame with a picture, which is shown as large as there is room for. */
export function frameOf(url, alt) {
  const frame = make("div", "frame");
  const picture = Object.assign(make("img"), { src: url, alt, draggable: false });
  picture.addEventListener("load", () => {
    frame.style.setProperty("--ratio", picture.naturalWidth / picture.naturalHeight);
  });
  frame.append(picture);
  return frame;
}

function within(value, least, most) {
  return Math.min(Math.max(value, least), most);
}

function place(element, box) {
  const left = within(box.Left, 0, 1);
  const top = within(box.Top, 0, 1);
  element.style.left = `${left * 100}%`;
  element.style.top = `${top * 100}%`;
  element.style.width = `${(within(box.Left + box.Width, 0, 1) - left) * 100}%`;
  element.style.height = `${(within(box.Top + box.Height, 0, 1) - top) * 100}%`;
  element.classList.toggle("high", top < 0.08);
  element.classList.toggle("far", left > 0.6); // the name stands where there is room for it
}

/** Shows boxes, with a confidence where they have one, in place of those that were shown before. */
export function drawBoxes(frame, boxes) {
  for (const old of frame.querySelectorAll(":scope > .box")) old.remove();
  for (const one of boxes) {
    const box = make("div", `box ${colourOf(one.Name)}`);
    const said = one.Confidence === undefined ? one.Name : `${one.Name} ${one.Confidence.toFixed(0)} %`;
    box.append(make("span", "tag", said));
    place(box, one.BoundingBox);
    frame.append(box);
  }
}

export class BoxEditor {
  #boxes = [];
  #labels;
  #frame;
  #list = make("ol", "box-list");
  #options = make("datalist");
  #changed;
  #drag = null;

  /** `options` are {labels, boxes, onchange}; a label that is typed anew is offered for each box. */
  constructor(container, url, { labels = [], boxes = [], onchange = () => {} } = {}) {
    this.#labels = [...labels];
    this.#changed = onchange;
    this.#frame = frameOf(url, "The image to draw boxes on");
    this.#frame.classList.add("editing");
    const add = make("button", "quiet", "Add a box");
    add.type = "button";
    add.addEventListener("click", () => this.#add({ Left: 0.35, Top: 0.35, Width: 0.3, Height: 0.3 }, {}));
    const help = make(
      "p",
      "dim",
      "Drag over the picture to draw a box. On a box: arrow keys move it, Shift with them resizes it, Delete removes it.",
    );
    this.#options.id = "box-labels";
    container.replaceChildren(help, this.#frame, add, this.#options, this.#list);
    this.#frame.addEventListener("pointerdown", (event) => this.#begin(event));
    this.#frame.addEventListener("pointermove", (event) => this.#move(event));
    this.#frame.addEventListener("pointerup", () => this.#end());
    this.#frame.addEventListener("pointercancel", () => this.#end());
    for (const one of boxes) this.#add({ ...one.BoundingBox }, null, one.Name);
    this.#draw();
  }

  get boxes() {
    return this.#boxes.map(({ Name, BoundingBox }) => ({ Name, BoundingBox: { ...BoundingBox } }));
  }

  /** `focus` are the options with which the new box is focused; null for not at all. */
  #add(box, focus, name = this.#boxes.at(-1)?.Name ?? this.#labels[0] ?? "") {
    const fitted = fit(box);
    this.#boxes.push({ Name: name, BoundingBox: fitted });
    this.#draw();
    if (focus) this.#frame.querySelectorAll(".box")[this.#boxes.length - 1].focus(focus);
    this.#changed();
  }

  #remove(index) {
    this.#boxes.splice(index, 1);
    this.#draw();
    (this.#frame.querySelectorAll(".box")[Math.max(index - 1, 0)] ?? this.#frame.parentElement.querySelector("button")).focus();
    this.#changed();
  }

  #draw() {
    const names = new Set([...this.#labels, ...this.#boxes.map((one) => one.Name)]);
    this.#options.replaceChildren(...[...names].map((value) => Object.assign(make("option"), { value })));
    for (const old of this.#frame.querySelectorAll(".box")) old.remove();
    this.#boxes.forEach((one, index) => {
      const box = make("div", `box ${colourOf(one.Name)}`);
      box.tabIndex = 0;
      box.setAttribute("role", "button");
      box.append(make("span", "tag", `${index + 1} ${one.Name}`), make("span", "grip"));
      box.setAttribute("aria-label", `Box ${index + 1}: ${one.Name || "no label"}; arrow keys move it`);
      box.addEventListener("keydown", (event) => this.#press(event, index));
      place(box, one.BoundingBox);
      this.#frame.append(box);
    });
    this.#list.replaceChildren(...this.#boxes.map((one, index) => this.#row(one, index)));
  }

  /** Puts one box where it now is, without making anew what may hold the focus. */
  #replace(index) {
    place(this.#frame.querySelectorAll(".box")[index], this.#boxes[index].BoundingBox);
    this.#list.children[index].querySelectorAll("input[type=number]").forEach((input) => {
      input.value = percent(this.#boxes[index].BoundingBox[input.name]);
    });
    this.#changed();
  }

  #row(one, index) {
    const row = make("li", colourOf(one.Name));
    const name = make("input");
    name.value = one.Name;
    name.maxLength = 255;
    name.setAttribute("list", "box-labels");
    name.setAttribute("aria-label", `Label of box ${index + 1}`);
    name.addEventListener("change", () => {
      one.Name = name.value.trim();
      this.#draw();
      this.#changed();
    });
    row.append(make("span", "number", String(index + 1)), name);
    for (const side of ["Left", "Top", "Width", "Height"]) {
      const input = make("input");
      Object.assign(input, { type: "number", name: side, min: 0, max: 100, step: 1, value: percent(one.BoundingBox[side]) });
      input.setAttribute("aria-label", `${side} of box ${index + 1}, percent`);
      input.addEventListener("change", () => {
        one.BoundingBox = fit({ ...one.BoundingBox, [side]: Number(input.value) / 100 });
        this.#replace(index);
      });
      const around = make("label", "side-of", side);
      around.append(input);
      row.append(around);
    }
    const remove = make("button", "quiet small", "Remove");
    remove.type = "button";
    remove.setAttribute("aria-label", `Remove box ${index + 1}`);
    remove.addEventListener("click", () => this.#remove(index));
    row.append(remove);
    return row;
  }

  #press(event, index) {
    const ways = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      this.#remove(index);
    } else if (event.key in ways) {
      event.preventDefault();
      const [x, y] = ways[event.key];
      const box = this.#boxes[index].BoundingBox;
      this.#boxes[index].BoundingBox = event.shiftKey
        ? fit({ ...box, Width: box.Width + x, Height: box.Height + y })
        : moved(box, x, y);
      this.#replace(index);
    }
  }

  #at(event) {
    const frame = this.#frame.getBoundingClientRect();
    return [within((event.clientX - frame.left) / frame.width, 0, 1), within((event.clientY - frame.top) / frame.height, 0, 1)];
  }

  #begin(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    const from = this.#at(event);
    const element = event.target.closest(".box");
    const index = element ? [...this.#frame.querySelectorAll(".box")].indexOf(element) : -1;
    if (element) element.focus({ preventScroll: true }); // else the picture would move away under the pointer
    this.#drag = { from, index, resize: event.target.closest(".grip") !== null, box: { ...this.#boxes[index]?.BoundingBox } };
    this.#frame.setPointerCapture(event.pointerId);
  }

  #move(event) {
    const drag = this.#drag;
    if (!drag) return;
    const [x, y] = this.#at(event);
    const [left, top] = drag.from;
    if (drag.index < 0) {
      if (Math.abs(x - left) < SMALLEST || Math.abs(y - top) < SMALLEST) return;
      this.#add({ Left: left, Top: top, Width: SMALLEST, Height: SMALLEST }, { preventScroll: true });
      Object.assign(drag, { index: this.#boxes.length - 1, drawn: true });
    }
    this.#boxes[drag.index].BoundingBox = drag.drawn
      ? fit({ Left: Math.min(x, left), Top: Math.min(y, top), Width: Math.abs(x - left), Height: Math.abs(y - top) })
      : drag.resize
        ? fit({ ...drag.box, Width: drag.box.Width + x - left, Height: drag.box.Height + y - top })
        : moved(drag.box, x - left, y - top);
    this.#replace(drag.index);
  }

  #end() {
    this.#drag = null;
  }
}

function percent(ratio) {
  return Math.round(ratio * 1000) / 10;
}

function moved(box, x, y) {
  return { ...box, Left: within(box.Left + x, 0, 1 - box.Width), Top: within(box.Top + y, 0, 1 - box.Height) };
}

/** The box cut to the picture, and at least as large as can be seen. */
function fit(box) {
  const Left = within(box.Left || 0, 0, 1 - SMALLEST);
  const Top = within(box.Top || 0, 0, 1 - SMALLEST);
  return {
    Left,
    Top,
    Width: within(box.Width || 0, SMALLEST, 1 - Left),
    Height: within(box.Height || 0, SMALLEST, 1 - Top),
  };
}
