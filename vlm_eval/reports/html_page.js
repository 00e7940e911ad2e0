// Light and dark, and the choice of the cell that is shown in detail.
const root = document.documentElement;
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

function remembered() {
  try {
    return localStorage.getItem("vlm-eval-theme");
  } catch {
    return null; // a browser may refuse storage to a file
  }
}

function showTheme(theme) {
  if (theme) root.dataset.theme = theme;
  root.toggleAttribute("data-dark", (theme ?? (prefersDark.matches ? "dark" : "light")) === "dark");
}

document.getElementById("theme").addEventListener("click", () => {
  const theme = root.hasAttribute("data-dark") ? "light" : "dark";
  showTheme(theme);
  try {
    localStorage.setItem("vlm-eval-theme", theme);
  } catch {
    // kept for this visit only
  }
});
prefersDark.addEventListener("change", () => showTheme(root.dataset.theme));
showTheme(["light", "dark"].includes(remembered()) ? remembered() : undefined);

for (const choice of document.querySelectorAll(".cell-choice")) {
  const articles = [...document.querySelectorAll(".cell-detail")].filter((one) => one.dataset.panel === choice.dataset.panel);
  const show = () => {
    for (const article of articles) article.hidden = article.dataset.index !== choice.value;
  };
  choice.addEventListener("change", show);
  choice.closest(".chooser").hidden = articles.length < 2;
  show();
}
