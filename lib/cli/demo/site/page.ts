/** The page of `s2n-pkey demo --serve`. What it shows comes from `/facts` and `/events`. */
export const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>s2n-pkey: the key to this page is in KMS</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">
<script type="module" src="/script.js"></script>
</head>
<body>
<header>
  <img src="/icon.svg" alt="" width="56" height="56">
  <div>
    <h1>The key to this page is in <span id="where">KMS</span></h1>
    <p>The server that sent it holds a certificate, and no private key. Each handshake stops at the one private-key operation, and goes
    on with the signature that KMS returns.</p>
  </div>
</header>
<main>
  <section id="connection">
    <h2>Your connection</h2>
    <dl id="facts"></dl>
    <div id="timeline" aria-hidden="true"></div>
    <ul id="legend" aria-label="Timeline of the handshake"></ul>
  </section>
  <section id="key">
    <h2>Key</h2>
    <p class="mono" id="arn"></p>
    <p id="key-facts"></p>
  </section>
  <section id="signs">
    <h2>Sign calls <output id="count">0</output></h2>
    <p><button id="handshake" type="button">Another handshake</button> <span id="live" class="off">connecting</span></p>
    <table>
      <thead><tr><th>when</th><th>for</th><th>scheme</th><th>took</th></tr></thead>
      <tbody id="calls"></tbody>
    </table>
  </section>
  <section id="certificate">
    <h2>Certificate</h2>
    <pre id="certificate-text"></pre>
  </section>
</main>
</body>
</html>
`;

export const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">
<rect width="64" height="64" rx="14" fill="#12202f"/>
<path d="M32 10 50 17v14c0 11-7.4 19-18 23-10.6-4-18-12-18-23V17z" fill="none" stroke="#5ee0b5" stroke-width="3.5"/>
<circle cx="32" cy="28" r="5" fill="none" stroke="#ffd479" stroke-width="3.5"/>
<path d="M32 33v11m0-5h5" stroke="#ffd479" stroke-width="3.5" stroke-linecap="round"/>
</svg>
`;
