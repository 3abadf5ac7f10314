// Bundles the page into dist/: one folder of static files that fetch nothing but themselves and Prometheus.

import { cp, mkdir, rm } from 'node:fs/promises';

import { build } from 'esbuild';

const ICONS = 'node_modules/@grafana/ui/dist/public/img/icons';

await rm('dist', { recursive: true, force: true });
await mkdir('dist', { recursive: true });
await build({
  entryPoints: { page: 'src/page.tsx' },
  outdir: 'dist',
  bundle: true,
  splitting: true, // what Grafana's components load only when asked (editors, maps) stays out of the page
  format: 'esm',
  target: 'es2022',
  minify: true,
  loader: { '.ttf': 'file', '.woff': 'file', '.woff2': 'file' },
  define: { 'process.env.NODE_ENV': '"production"' },
  logLevel: 'warning',
});
await cp('src/index.html', 'dist/index.html');
await cp(ICONS, 'dist/build/img/icons', { recursive: true }); // Grafana's components ask for icons by address
