// The API's calls, below the address that this page came from. The key is kept for this tab's session only.

const STORED = "custom-labels-key";

/** An answer that is none: the API's own sentence, its code, and after how many seconds to try again. */
export class Refused extends Error {
  constructor(status, code, message, retryAfter) {
    super(message);
    Object.assign(this, { status, code, retryAfter });
  }
}

export function storedKey() {
  return sessionStorage.getItem(STORED);
}

export function storeKey(key) {
  if (key) sessionStorage.setItem(STORED, key);
  else sessionStorage.removeItem(STORED);
}

/** The JSON of an answer; Refused otherwise. */
export async function ask(method, path, body) {
  const options = { method, headers: { "x-api-key": storedKey() ?? "" }, cache: "no-store" };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Refused(0, "Unreachable", "The API could not be reached: check the connection and try again.", 5);
  }
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return told;
  throw new Refused(
    answer.status,
    told.code ?? "Unknown",
    told.message ?? `The API answered ${answer.status} without saying why.`,
    Number(answer.headers.get("Retry-After")) || 0,
  );
}
