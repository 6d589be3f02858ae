/* One AVX2 instruction, whether the processor has it or not. */
int
main (void)
{
  __asm__ volatile ("vpaddd %%ymm0, %%ymm0, %%ymm0" : : : "xmm0");
  return 0;
}
