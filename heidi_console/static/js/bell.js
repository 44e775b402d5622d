// The bell of the inbox: the number of unread messages, read again while the page is visible.

const INTERVAL = 30000;

export function startBell(bell) {
  if (!bell) return;
  const update = async () => {
    if (document.hidden) return;
    const response = await fetch(bell.dataset.unread, { redirect: "manual" }).catch(() => null);
    if (!response?.ok) return;
    const { count, label } = await response.json();
    const number = bell.querySelector(".unread-count");
    number.hidden = !count;
    number.textContent = count > 99 ? "99+" : count;
    bell.setAttribute("aria-label", label);
  };
  update();
  setInterval(update, INTERVAL);
}
