// Who is looking, and with which passkeys.

import { get, trust } from "./api.js";

/** {talent, scopes, roles, operator, at_hand, session} as `/v1/me` has it. */
export let me = null;

export async function load() {
  me = await get("/me");
  trust(me.session?.csrf);
  return me;
}

/** The id of the talent that is looking. */
export const own = () => me?.talent ?? "";
