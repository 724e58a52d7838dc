// The calendar and the clocks of the house, whatever zone the browser is in. Dates are texts like 2026-04-18, times of day like 17:30.

/** The date that an instant is in, in the house. @param {number} at @param {string} zone */
export function dateOf(at, zone) {
  return new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" }).format(at);
}

/** When the clocks of the house show a time of a date. @param {string} date @param {string} zone @param {number} [minute] of the day */
export function instant(date, zone, minute = 0) {
  const [year, month, day] = parts(date);
  const utc = Date.UTC(year, month - 1, day, 0, minute);
  const first = utc - offset(utc, zone);
  return utc - offset(first, zone); // once more, as the clocks may change in between
}

/** When the clocks of the house show a time of day next. @param {string} time @param {number} after @param {string} zone */
export function nextTime(time, after, zone) {
  const [hour, minute] = time.split(":").map(Number);
  const today = dateOf(after, zone);
  const at = instant(today, zone, hour * 60 + minute);
  if (at > after) return at;
  const [year, month, day] = parts(today);
  return instant(written(Date.UTC(year, month - 1, day + 1)), zone, hour * 60 + minute);
}

/** How far the clocks of a zone are ahead of UTC. @param {number} at @param {string} zone */
function offset(at, zone) {
  const clock = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  const told = Object.fromEntries(clock.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(told.year, told.month - 1, told.day, told.hour, told.minute, told.second) - Math.floor(at / 1000) * 1000;
}

/** @param {string} date @returns {[number, number, number]} */
export const parts = (date) => /** @type {any} */ (date.split("-").map(Number));

/** @param {number} utc */
export const written = (utc) => new Date(utc).toISOString().slice(0, 10);
