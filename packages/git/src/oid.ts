/** An object id, as Git writes it: SHA-1 in hex. */
export const OID: RegExp = /^[0-9a-f]{40}$/;
