// Mounts the book's widgets without a kernel. In Jupyter anywidget calls a module's `render({ model, el })`;
// here the same function gets a model that lives in the page.

function createModel(state) {
  const values = new Map(Object.entries(state));
  const listeners = new Map();
  const emit = (name, ...details) => {
    for (const listener of [...(listeners.get(name) ?? [])]) listener(...details);
  };
  const model = {
    get: (key) => values.get(key),
    set(key, value) {
      if (typeof key === "object") {
        for (const [name, entry] of Object.entries(key)) model.set(name, entry);
        return;
      }
      if (Object.is(values.get(key), value)) return;
      values.set(key, value);
      emit(`change:${key}`, model, value);
      emit("change", model);
    },
    on(name, listener) {
      for (const single of name.split(" ")) {
        if (!listeners.has(single)) listeners.set(single, new Set());
        listeners.get(single).add(listener);
      }
    },
    off(name, listener) {
      if (name === undefined || name === null) listeners.clear();
      else if (listener) listeners.get(name)?.delete(listener);
      else listeners.delete(name);
    },
    save_changes() {}, // nothing to save to: the page is the only place the state lives
    send() {},
  };
  return model;
}

async function mountOne(modules, host) {
  const still = document.createElement("div");
  still.className = "rnn-widget-still";
  still.append(...host.childNodes);
  const live = document.createElement("div");
  live.className = "rnn-widget-live";
  host.append(still, live);
  try {
    const name = host.dataset.widget;
    if (!Object.hasOwn(modules, name)) throw new Error(`there is no widget named "${name}"`);
    const { render } = modules[name]();
    await render({ model: createModel(JSON.parse(host.dataset.state || "{}")), el: live });
    host.dataset.mounted = "1";
  } catch (error) {
    host.dataset.mounted = "no";
    const message = document.createElement("p");
    message.className = "rnn-widget-message";
    message.setAttribute("role", "status");
    message.textContent = `This widget could not start (${error.message}). Its picture stays.`;
    live.replaceChildren(message);
  }
}

// A widget is mounted when it comes near: each takes a slow processor a while, and they go one by one, so that a click can
// slip in between. Who goes by keys would step over one that is not there yet, and gets all of them.
function mount(modules) {
  const waiting = new Set(document.querySelectorAll(".rnn-widget-host"));
  const next = [];
  const mountNext = () => {
    mountOne(modules, next.shift());
    if (next.length) setTimeout(mountNext);
  };
  const start = (hosts) => {
    const ours = hosts.filter((host) => waiting.delete(host));
    if (!next.length && ours.length) setTimeout(mountNext);
    next.push(...ours);
  };
  const near = new IntersectionObserver(
    (entries) => start(entries.filter((entry) => entry.isIntersecting).map((entry) => entry.target)), { rootMargin: "100% 0px" });
  for (const host of waiting) near.observe(host);
  document.addEventListener("keydown", ({ key }) => key === "Tab" && start([...waiting]));
  window.mountWidgets = () => start([...waiting]); // for whoever needs the whole page at once
}

export default mount;
