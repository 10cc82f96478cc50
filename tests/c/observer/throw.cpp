// With -DPROVIDER the function that throws, else the client that catches what comes through the trampoline.
#ifdef PROVIDER
extern "C" int hipThrow(int number) {
    if (number)
        throw number;
    return 0;
}
#else
extern "C" int hipThrow(int number);

int main() {
    int caught = 0;
    for (int i = 0; i < 5; i++) {
        try {
            hipThrow(i);
        } catch (int number) {
            caught += number;
        }
    }
    return caught != 1 + 2 + 3 + 4;
}
#endif
