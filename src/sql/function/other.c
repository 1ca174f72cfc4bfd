/* Functions of no other category. */
#include "sql/function/fn.h"

FN(as_value)
{
    (void)call, (void)err;
    RETURN(args[0]);
}
