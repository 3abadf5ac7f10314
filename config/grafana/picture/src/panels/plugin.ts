/** Panels as Grafana knows them: a component, its options' defaults, and the properties its fields may have. */

import { FieldConfigProperty, PanelPlugin, type PanelProps } from '@grafana/data';
import type { ComponentType } from 'react';

import { property } from '../fieldconfig';

interface Parts {
  options?: Record<string, unknown>;
  /** {property under `custom`: its default}. */
  custom?: Record<string, unknown>;
  /** How values are coloured where the dashboard does not say. */
  color?: string;
}

export function plugin(component: ComponentType<PanelProps>, { options = {}, custom = {}, color }: Parts): PanelPlugin {
  return new PanelPlugin(component)
    .setPanelOptions((builder) => {
      for (const [path, defaultValue] of Object.entries(options)) {
        builder.addCustomEditor({ id: path, path, name: path, editor: () => null, defaultValue });
      }
    })
    .useFieldConfig({
      standardOptions: {
        [FieldConfigProperty.Color]: { defaultValue: { mode: color ?? 'thresholds' } },
        [FieldConfigProperty.Thresholds]: {
          defaultValue: { mode: 'absolute', steps: [{ color: 'green', value: -Infinity }] },
        },
      },
      useCustomConfig: (builder) => {
        for (const [path, fallback] of Object.entries(custom)) {
          builder.addCustomEditor(property(path, undefined, fallback));
        }
      },
    });
}
