import { isLight } from '../colors.ts';

/** Colours and lights of the stage, for one theme. */
export interface Look {
  readonly background: string;
  readonly ground: string;
  readonly pool: string;
  readonly gridMinor: string;
  readonly gridMajor: string;
  readonly key: number;
  readonly skyColor: string;
  readonly groundColor: string;
  readonly hemisphere: number;
  readonly rimColor: string;
  readonly rim: number;
  readonly shadow: number;
  readonly body: string;
  readonly left: string;
  readonly joint: string;
  readonly wallSide: string;
  readonly wallTop: string;
  readonly pull: string;
  readonly contact: string;
  readonly ghost: string;
}

const dark: Look = {
  background: '#0E1116',
  ground: '#12161C',
  pool: '#232831',
  gridMinor: '#2E3743',
  gridMajor: '#465364',
  key: 3.3,
  skyColor: '#9DB4D6',
  groundColor: '#2A2622',
  hemisphere: 0.85,
  rimColor: '#8FC0FF',
  rim: 1.9,
  shadow: 0.62,
  body: '#E9E3D8',
  left: '#7E93AB',
  joint: '#20262E',
  wallSide: '#252D38',
  wallTop: '#3A4655',
  pull: '#FFB121',
  contact: '#4FE0B0',
  ghost: '#8FB8FF',
};

const light: Look = {
  background: '#ECE9E3',
  ground: '#E9E6DF',
  pool: '#F1EEE8',
  gridMinor: '#CFCAC0',
  gridMajor: '#B5AFA3',
  key: 2.6,
  skyColor: '#FFFFFF',
  groundColor: '#CFC7B8',
  hemisphere: 1.5,
  rimColor: '#FFFFFF',
  rim: 0.7,
  shadow: 0.24,
  body: '#F4EFE6',
  left: '#6F8299',
  joint: '#39414C',
  wallSide: '#9FA3AA',
  wallTop: '#BBBEC4',
  pull: '#B36200',
  contact: '#007A60',
  ghost: '#3B6FD4',
};

export function currentLook(): Look {
  return isLight() ? light : dark;
}
