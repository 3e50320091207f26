// WebAuthn's two ceremonies: a passkey is made, and signs. Bytes go over the API as base64url.

import { call, get, post } from "./api.js";
import { canonical, fromBase64Url, sha256, toBase64Url, utf8 } from "./bytes.js";

/** What a passkey on this page signs: its parts as base64url. Throws an Error in words where the person declines. */
async function sign(challenge, passkeys, rpId) {
  const publicKey = {
    challenge,
    rpId,
    allowCredentials: passkeys.map((one) => ({ ...one, id: fromBase64Url(one.id) })),
    userVerification: "required",
    timeout: 300000,
  };
  const made = await ceremony(() => navigator.credentials.get({ publicKey }));
  return {
    credential: made.id,
    authenticator_data: toBase64Url(new Uint8Array(made.response.authenticatorData)),
    client_data: toBase64Url(new Uint8Array(made.response.clientDataJSON)),
    signature: toBase64Url(new Uint8Array(made.response.signature)),
  };
}

/** Make a passkey for whoever is looking, and enrol it. Who has one is asked for that first. */
export async function enrol(label, why) {
  const { options, show } = await post("/passkeys/options", {});
  const challenge = fromBase64Url(options.challenge);
  const shown = show.length ? await sign(challenge, show, options.rp.id) : null;
  const publicKey = {
    ...options,
    challenge,
    user: { ...options.user, id: fromBase64Url(options.user.id) },
    excludeCredentials: options.excludeCredentials.map((one) => ({ ...one, id: fromBase64Url(one.id) })),
  };
  const made = await ceremony(() => navigator.credentials.create({ publicKey }));
  const registration = {
    id: made.id,
    client_data: toBase64Url(new Uint8Array(made.response.clientDataJSON)),
    attestation: toBase64Url(new Uint8Array(made.response.attestationObject)),
  };
  return post("/passkeys", { challenge: options.challenge, registration, shown, label, why });
}

/** Revoke a passkey of whoever is looking, who shows one to do so. */
export async function revoke(id, why) {
  const { challenge, rp_id: rpId, show } = await post(`/passkeys/${id}/revoke/options`, {});
  if (!show.length) throw new Error("None of your passkeys works on this page. Open the console by the name that it is for, or ask an operator.");
  const shown = await sign(fromBase64Url(challenge), show, rpId);
  return post(`/passkeys/${id}/revoke`, { challenge, shown, why });
}

/**
 * Agree to a question, or refuse it, by passkey.
 *
 * The challenge is made here from the question that was shown: were another one open by now, nothing would fit.
 */
export async function answer(question, agrees, why) {
  const { passkeys, rp_id: rpId, statement } = await get(`/approvals/${question.action}/passkey`);
  if (!passkeys.length) throw new Error("You have no passkey on this page yet. Make one under “You”.");
  const shown = { context_digest: question.context_digest, nonce: question.nonce, expires: question.expires };
  for (const [name, value] of Object.entries(shown)) {
    if (statement[name] !== value) throw new Error("The question changed meanwhile. Look at it again.");
  }
  const signed = { ...shown, approver: statement.approver, verdict: agrees ? question.verdict : "DENY" };
  const challenge = await sha256(utf8(`infrafabric-approval-v1\n${canonical(signed)}`));
  const assertion = await sign(challenge, passkeys, rpId);
  return call("POST", `/approvals/${question.action}/passkey`, { answer: agrees ? "agree" : "refuse", signed: assertion, why });
}

async function ceremony(begin) {
  if (!window.PublicKeyCredential) throw new Error("This browser has no passkeys.");
  try {
    return await begin();
  } catch (error) {
    if (error.name === "NotAllowedError") throw new Error("The passkey was not used: it was declined, or took too long.");
    if (error.name === "InvalidStateError") throw new Error("This device holds a passkey of yours already.");
    throw new Error(`The passkey could not be used: ${error.message}`);
  }
}
