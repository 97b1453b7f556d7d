/** Where an API server is and who we are to it. */
export interface Connection {
  /** `https://host:port`, with a path where the server stands behind one; no slash at the end. */
  readonly server: string;
  readonly tls: TlsOptions;
  /** `http://` or `https://` (CONNECT), `socks5://` or `socks5h://`, with credentials where it wants some. */
  readonly proxy?: string;
  /** Of the kubeconfig's context: for objects that name none. */
  readonly namespace?: string;
  /** Who we are: asked before every request; `renew` after the server refused the last answer. */
  credentials(renew?: boolean): Promise<Readonly<Record<string, string>>>;
  /** A certificate that is not known from the start, but made by a command: asked before every request, the same object until it is another one. */
  certificate?(): Promise<ClientCertificate | undefined>;
}

export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface TlsOptions {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}
