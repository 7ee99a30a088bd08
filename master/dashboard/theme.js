/* Light or dark as the viewer chose, before anything is drawn; without a choice as the system says. */
document.documentElement.dataset.theme = localStorage.getItem("mm-theme") ?? "auto";
