/** Nothing is read from this machine: no `~/.ssh`, no environment. Nothing of a key is logged or stored. */
export interface SshOptions {
  /** The text of a known hosts file (sshd(8)). Without it no host is known. */
  readonly knownHosts?: string;
  /**
   * Trusts the first key that a host shows which `knownHosts` does not name at all, and for the life of the source only that one. A
   * function is given the line that makes the host known, to be kept. Default: a host that is not known is refused.
   */
  readonly acceptNew?: boolean | ((line: string) => void);
  /** A private key as OpenSSH or PEM writes it. */
  readonly privateKey?: string | Uint8Array;
  readonly passphrase?: string;
  /** The path of an agent's socket: `process.env.SSH_AUTH_SOCK`, say. Asked after `privateKey`. */
  readonly agent?: string;
}
